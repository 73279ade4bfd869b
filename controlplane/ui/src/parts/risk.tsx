import { Badge, Button, Menu, Tooltip, type MantineColor } from '@mantine/core'
import { IconAlertTriangle, IconBan, IconCheck, IconDownload, IconShieldQuestion } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { address, type Query } from '../api/client'
import type { Integrity, Result, Severity } from '../api/inventory'

export const severities = ['critical', 'high', 'medium', 'low', 'negligible', 'unknown'] as const

const severityColor: Record<Severity, MantineColor> = { critical: 'red.9', high: 'orange', medium: 'yellow', low: 'gray', negligible: 'gray', unknown: 'gray' }

export function SeverityBadge({ severity }: { severity: Severity }) {
  const { t } = useTranslation()
  return <Badge miw="max-content" color={severityColor[severity] ?? 'gray'} variant={severity === 'critical' ? 'filled' : 'light'}>{t(`inventory.severities.${severity}`)}</Badge>
}

const resultColor: Record<Result, MantineColor> = { pass: 'limpet', warn: 'yellow', fail: 'red' }

export function ResultBadge({ result }: { result: Result }) {
  const { t } = useTranslation()
  const icon = result === 'pass' ? <IconCheck size={12} /> : result === 'fail' ? <IconBan size={12} /> : <IconAlertTriangle size={12} />
  return <Badge color={resultColor[result] ?? 'gray'} leftSection={icon}>{t(`inventory.results.${result}`)}</Badge>
}

// A report that is complete needs no word in a list; the others always do.
export function IntegrityBadge({ integrity, always }: { integrity: Integrity; always?: boolean }) {
  const { t } = useTranslation()
  if (integrity === 'complete' && !always) return null
  return (
    <Tooltip label={t(`inventory.integrityText.${integrity}`)}>
      <Badge color={integrity === 'complete' ? 'limpet' : integrity === 'partial' ? 'orange' : 'red'} leftSection={integrity === 'complete' ? <IconCheck size={12} /> : <IconShieldQuestion size={12} />} tabIndex={0}>
        {t(`inventory.integrities.${integrity}`)}
      </Badge>
    </Tooltip>
  )
}

// Risk shows the score as a number and how far it goes.
export function Risk({ value }: { value: number }) {
  const { t } = useTranslation()
  const tone = value >= 60 ? 'critical' : value >= 30 ? 'high' : value >= 10 ? 'medium' : 'low'
  return (
    <span className="risk nowrap" role="img" aria-label={t('inventory.riskOf', { value })}>
      <span className="risk-track" aria-hidden="true"><span className={`risk-fill sev-${tone}`} style={{ width: `${Math.max(3, value)}%` }} /></span>
      <span className="tabular" aria-hidden="true">{value}</span>
    </span>
  )
}

// SeverityBar draws how many of each severity there are; the numbers stand in it.
export function SeverityBar({ counts }: { counts: Partial<Record<Severity, number>> }) {
  const { t, i18n } = useTranslation()
  const shown = severities.filter((s) => (counts[s] ?? 0) > 0)
  if (shown.length === 0) return <span className="dim">{t('inventory.noneFound')}</span>
  const text = shown.map((s) => `${t(`inventory.severities.${s}`)} ${(counts[s] ?? 0).toLocaleString(i18n.language)}`).join(', ')
  return (
    <Tooltip label={text}>
      <span className="sevbar" role="img" aria-label={text}>
        {shown.map((s) => (
          <span key={s} className={`sevbar-part sev-${s}`} style={{ flexGrow: Math.log2((counts[s] ?? 0) + 1) + 1 }} aria-hidden="true">
            {new Intl.NumberFormat(i18n.language, { notation: 'compact' }).format(counts[s] ?? 0)}
          </span>
        ))}
      </span>
    </Tooltip>
  )
}

export function KEV() {
  const { t } = useTranslation()
  return (
    <Tooltip label={t('inventory.kevText')}>
      <Badge color="red.9" variant="filled" tabIndex={0}>KEV</Badge>
    </Tooltip>
  )
}

// Chance writes a likelihood; what nobody estimated has none.
export function Chance({ value }: { value: number }) {
  const { i18n } = useTranslation()
  if (!value) return <span className="dim">–</span>
  return <span className="tabular">{value.toLocaleString(i18n.language, { style: 'percent', maximumFractionDigits: value < 0.1 ? 1 : 0 })}</span>
}

// Downloads offers one address in several formats.
export function Downloads({ path, formats, query }: { path: string; formats: { format: string; label: string }[]; query?: Query }) {
  const { t } = useTranslation()
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button size="xs" variant="default" leftSection={<IconDownload size={15} />}>{t('inventory.download')}</Button>
      </Menu.Target>
      <Menu.Dropdown>
        {formats.map((f) => (
          <Menu.Item key={f.format} component="a" href={address(path, { ...query, format: f.format })} download>
            {f.label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}

export const sheetFormats = [{ format: 'csv', label: 'CSV' }, { format: 'html', label: 'HTML' }, { format: 'pdf', label: 'PDF' }]
