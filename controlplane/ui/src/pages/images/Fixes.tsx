import { Badge, Group, Paper, Stack, Text, Title } from '@mantine/core'
import { IconShieldCheck } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { fixesQuery, type Step } from '../../api/inventory'
import { Command } from '../../parts/Command'
import { AnchorLink } from '../../parts/links'
import { Chance, KEV } from '../../parts/risk'
import { Empty, Loading, ProblemAlert } from '../../parts/states'

// Fixes is what to do, the most useful first.
export function Fixes({ id }: { id: string }) {
  const { t } = useTranslation()
  const query = useQuery(fixesQuery(id))
  if (!query.data) return query.error ? <ProblemAlert error={query.error} onRetry={() => void query.refetch()} /> : <Loading />
  const { running, items } = query.data
  if (items.length === 0) return <Empty icon={<IconShieldCheck size={26} />} title={t('inventory.nothingToFix')}>{t('inventory.nothingToFixHelp')}</Empty>
  return (
    <Stack>
      <Text size="sm" c="dimmed">{t('inventory.fixesLead')} {running > 0 && t('inventory.runningNow', { count: running })}</Text>
      <Stack component="ol" gap="sm" m={0} p={0} style={{ listStyle: 'none' }}>
        {items.map((s, i) => <StepCard key={i} step={s} number={i + 1} />)}
      </Stack>
    </Stack>
  )
}

function StepCard({ step: s, number }: { step: Step; number: number }) {
  const { t } = useTranslation()
  return (
    <Paper p="md" component="li" className="fix-step">
      <span className="step-number" aria-hidden="true">{number}</span>
      <Stack gap="xs">
        <Title order={3} style={{ overflowWrap: 'anywhere' }}>{s.base ? t('inventory.newerBase', { name: s.name }) : `${s.name} ${s.from} → ${s.to}`}</Title>
        <Group gap="xs">
          <Text size="sm">{t('inventory.closes', { count: s.closes })}</Text>
          {s.critical > 0 && <Badge color="red">{t('inventory.severities.critical')} {s.critical}</Badge>}
          {s.high > 0 && <Badge color="orange">{t('inventory.severities.high')} {s.high}</Badge>}
          {s.exploited > 0 && <KEV />}
          {s.epss >= 0.01 && <Text size="xs" c="dimmed">EPSS <Chance value={s.epss} /></Text>}
        </Group>
        {s.packages && (
          <Text size="xs" c="dimmed" ff="monospace" style={{ overflowWrap: 'anywhere' }} lineClamp={3}>
            {s.packages.map((p) => `${p.name} ${p.from} → ${p.to}`).join(', ')}
          </Text>
        )}
        {s.path && !s.base && <Text size="xs" c="dimmed" ff="monospace" style={{ overflowWrap: 'anywhere' }}>{s.path}</Text>}
        {s.commands.map((c, i) => (
          <div key={i}>
            <Text size="xs" c="dimmed" mb={2}>{t(`inventory.where.${c.where}`)}</Text>
            <Command text={c.text} label={t(`inventory.where.${c.where}`)} />
          </div>
        ))}
        {s.commands.length === 0 && <Text size="sm" c="dimmed">{t('inventory.noCommand')}</Text>}
        <Group gap={6}>
          {s.ids.slice(0, 8).map((id) => <AnchorLink key={id} to="/vulnerabilities/$id" params={{ id }} size="xs">{id}</AnchorLink>)}
          {s.ids.length > 8 && <Text size="xs" c="dimmed">{t('inventory.andMore', { count: Math.max(s.ids.length, s.closes) - 8 })}</Text>}
        </Group>
      </Stack>
    </Paper>
  )
}
