import { Alert, Button, List, Text } from '@mantine/core'
import { IconCheck, IconPlugConnectedX } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { isProblem } from '../../api/client'
import type { ProblemKind, Tested } from '../../api/registries'
import { ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'

// Trouble says plainly what is wrong with a registry and what to do, with the
// server's own words below.
export function Trouble({ kind = 'failed', message, lines }: { kind?: ProblemKind; message?: string; lines?: number }) {
  const { t } = useTranslation()
  return (
    <>
      <Text size="sm">{t(`registries.problems.${kind}`, { defaultValue: t('registries.problems.failed') })}</Text>
      {message && (
        <Text size="xs" c="dimmed" lang="en" lineClamp={lines} style={{ overflowWrap: 'anywhere' }}>
          {message}
        </Text>
      )}
    </>
  )
}

// RegistryProblem is what went wrong with a call that the server made to a
// registry; the answer names its kind.
export function RegistryProblem({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useTranslation()
  const kind = isProblem(error) ? error.errors.find((e) => e.location === 'kind')?.message : undefined
  if (!isProblem(error) || !kind) return <ProblemAlert error={error} onRetry={onRetry} />
  return (
    <Alert color="red" role="alert" icon={<IconPlugConnectedX size={18} />} title={t('registries.refused')}>
      <Trouble kind={kind as ProblemKind} message={error.detail} />
      {onRetry && (
        <Button mt="xs" size="xs" variant="default" onClick={onRetry}>
          {t('common.retry')}
        </Button>
      )}
    </Alert>
  )
}

// Result is the answer of a connection test.
export function Result({ tested: r }: { tested: Tested }) {
  const { t, i18n } = useTranslation()
  const number = (n: number) => n.toLocaleString(i18n.language)
  if (!r.ok) {
    return (
      <Alert color="red" role="alert" icon={<IconPlugConnectedX size={18} />} title={t('registries.testFailed')}>
        <Trouble kind={r.kind} message={r.message} />
        {r.reset && (
          <Text size="sm" component="div">
            {t('registries.resets')} <When at={r.reset} future />
          </Text>
        )}
      </Alert>
    )
  }
  return (
    <Alert color="limpet" role="status" icon={<IconCheck size={18} />} title={t('registries.testOK', { ms: number(r.tookMs) })}>
      {r.repositories.length === 0 ? t('registries.testEmpty') : t(r.more ? 'registries.testSome' : 'registries.testAll')}
      <List size="sm" ff="monospace">
        {r.repositories.map((name) => (
          <List.Item key={name}>{name}</List.Item>
        ))}
      </List>
      {r.rate && <Text size="sm">{t('registries.rate', { left: number(r.rate.remaining), of: r.rate.limit ? number(r.rate.limit) : '?' })}</Text>}
    </Alert>
  )
}
