import { Anchor, Badge, Group, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { artifactQuery, explanationQuery, type FullVulnerability } from '../../api/inventory'
import { Command } from '../../parts/Command'
import { Fact } from '../../parts/Fact'
import { ButtonLink } from '../../parts/links'
import { Mono } from '../../parts/Mono'
import { KEV, SeverityBadge } from '../../parts/risk'
import { Loading, ProblemAlert } from '../../parts/states'
import { absolute } from '../../parts/When'
import { AskException } from '../exceptions/AskException'

// Explain says all that is known of one finding, and why it is one.
export function Explain({ id, vulnerability, pkg }: { id: string; vulnerability: string; pkg?: string }) {
  const { t } = useTranslation()
  const artifact = useQuery(artifactQuery(id)).data
  const query = useQuery(explanationQuery(id, vulnerability, pkg))
  if (!query.data) return query.error ? <ProblemAlert error={query.error} onRetry={() => void query.refetch()} /> : <Loading />
  return (
    <Stack>
      {query.data.items.map((x, i) => (
        <Stack key={i} gap="sm">
          <Published v={x.vulnerability} />
          <dl className="facts">
            <Fact name={t('inventory.package')}>{x.vulnerability.name} {x.vulnerability.version}</Fact>
            <Fact name={t('inventory.fix')}>{x.vulnerability.fixedVersion || t(`inventory.fixStates.${x.vulnerability.fixState as 'fixed'}`, { defaultValue: x.vulnerability.fixState })}</Fact>
            <Fact name={t('inventory.recognised')}>{x.package?.evidence && <span lang="en">{x.package.evidence}</span>}</Fact>
            <Fact name={t('inventory.licences')}>{x.package?.licences?.join(', ')}</Fact>
            {x.package?.places?.slice(0, 10).map((p, n) => <Fact key={n} name={n === 0 ? t('inventory.path') : ''}><Mono value={[p.path, p.inside].filter(Boolean).join(' → ')} wrap copy /></Fact>)}
            <Fact name={t('inventory.layer')}>{x.layer && <>{x.layer.index}{x.layer.base ? ` · ${t('inventory.baseShort')}` : ''}</>}</Fact>
          </dl>
          {x.layer?.createdBy && <Command label={t('inventory.instruction')} text={x.layer.createdBy} mah={120} />}
          <Text size="sm" fw={600}>{t('inventory.why')}</Text>
          <dl className="facts">
            <Fact name={t('inventory.compared')}><Mono value={x.vulnerability.why.compared} wrap /></Fact>
            <Fact name={t('inventory.advisory')}>{x.vulnerability.why.advisory}</Fact>
            <Fact name={t('inventory.feed')}>{[x.vulnerability.why.source, x.vulnerability.why.ecosystem].filter(Boolean).join(' · ')}</Fact>
          </dl>
        </Stack>
      ))}
      {query.data.suppressed.map((s, i) => (
        <Text key={i} size="sm">{t('inventory.setAside', { by: s.by })}: <span lang="en">{s.reason}</span></Text>
      ))}
      <Group>
        <ButtonLink to="/vulnerabilities/$id" params={{ id: vulnerability }} variant="default" size="xs">{t('inventory.whoRuns')}</ButtonLink>
        <AskException vulnerability={vulnerability} package={query.data.items[0]?.vulnerability.name} image={artifact?.name} />
      </Group>
    </Stack>
  )
}

// Published is what publishers say of a vulnerability.
export function Published({ v }: { v: FullVulnerability }) {
  const { t, i18n } = useTranslation()
  const percent = (n: number) => n.toLocaleString(i18n.language, { style: 'percent', maximumFractionDigits: 1 })
  const links = (v.urls ?? []).filter((u) => /^https:\/\//.test(u)).slice(0, 8)
  return (
    <>
      <Group gap="xs">
        <SeverityBadge severity={v.severity} />
        {v.kev && <KEV />}
        {(v.aliases ?? []).slice(0, 6).map((a) => <Badge key={a} variant="default" fw={400}>{a}</Badge>)}
      </Group>
      {v.title && <Text size="sm" fw={500} lang="en">{v.title}</Text>}
      {v.description && <Text size="sm" lang="en" style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }} lineClamp={14}>{v.description}</Text>}
      <dl className="facts">
        <Fact name={t('inventory.vendorSeverity')}>{v.severitySource && `${t(`inventory.severities.${v.severity}`)} (${v.severitySource})`}</Fact>
        {v.cvss?.map((s, i) => <Fact key={i} name={`CVSS ${s.version}`}><span className="tabular">{s.score}</span> · {s.source} <Text span size="xs" c="dimmed" ff="monospace">{s.vector}</Text></Fact>)}
        <Fact name="EPSS">{v.epss && t('inventory.epssText', { score: percent(v.epss.score), percentile: percent(v.epss.percentile) })}</Fact>
        <Fact name="KEV">{v.kev && t('inventory.kevAdded', { date: v.kev.added, due: v.kev.due ?? '–' })}</Fact>
        <Fact name="SSVC">{v.ssvc && [v.ssvc.exploitation, v.ssvc.automatable, v.ssvc.technicalImpact].filter(Boolean).join(' · ')}</Fact>
        <Fact name="CWE">{v.cwes?.join(', ')}</Fact>
        <Fact name={t('inventory.published')}>{v.published && absolute(v.published, i18n.language)}</Fact>
        <Fact name={t('inventory.fixedAt')}>{v.fixedAt && absolute(v.fixedAt, i18n.language)}</Fact>
        {links.map((u, i) => <Fact key={u} name={i === 0 ? t('inventory.links') : ''}><Anchor href={u} target="_blank" rel="noreferrer noopener" size="sm" style={{ overflowWrap: 'anywhere' }}>{u}</Anchor></Fact>)}
      </dl>
    </>
  )
}
