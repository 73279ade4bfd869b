import { Alert, Badge, Button, Group as Row, List, Paper, Select, Stack, Text, Textarea } from '@mantine/core'
import { IconFlask, IconPlayerPlay } from '@tabler/icons-react'
import { useMutation, useQuery } from '@tanstack/react-query'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { post } from '../../api/client'
import { policiesQuery } from '../../api/queries'
import type { Simulation, SimulationHit } from '../../api/types'
import type { GroupSearch } from '../../app/search'
import { useControlText } from '../../parts/control'
import { DataTable } from '../../parts/DataTable'
import { AnchorLink } from '../../parts/links'
import { Mono } from '../../parts/Mono'
import { Empty, ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'

const own = ':group'
const edited = ':edited'

export function Simulate({ group, search, onSearch }: { group: string; search: GroupSearch; onSearch: (s: GroupSearch) => void }) {
  const { t } = useTranslation()
  const policies = useQuery(policiesQuery).data?.items ?? []
  const chosen = search.policy ?? own
  const [text, setText] = useState('')
  const run = useMutation({
    mutationFn: () =>
      post<Simulation>(`/groups/${encodeURIComponent(group)}/simulate`, chosen === edited ? { yaml: text } : chosen === own ? {} : { policies: [chosen] }),
  })
  return (
    <Stack>
      <Text size="sm" c="dimmed" maw={760}>{t('learning.simulateLead')}</Text>
      <Row align="flex-end">
        <Select
          label={t('learning.policy')}
          w={280}
          allowDeselect={false}
          value={chosen}
          onChange={(v) => {
            if (v === edited && text === '') setText(policies.find((p) => p.name === search.policy)?.yaml ?? policies[0]?.yaml ?? '')
            run.reset()
            onSearch({ ...search, policy: v === own ? undefined : (v ?? undefined) })
          }}
          data={[{ value: own, label: t('learning.ownPolicies') }, ...policies.map((p) => ({ value: p.name, label: p.name })), { value: edited, label: t('learning.edited') }]}
        />
        <Button leftSection={<IconPlayerPlay size={15} />} loading={run.isPending} onClick={() => run.mutate()}>{t('learning.run')}</Button>
      </Row>
      {chosen === edited && (
        <Textarea label={t('learning.text')} value={text} onChange={(e) => setText(e.currentTarget.value)} autosize minRows={10} maxRows={24} spellCheck={false} styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: 12 } }} />
      )}
      <ProblemAlert error={run.error} />
      {run.data && <Result result={run.data} />}
    </Stack>
  )
}

export function Result({ result: r }: { result: Simulation }) {
  const { t, i18n } = useTranslation()
  const control = useControlText()
  const number = (n: number) => n.toLocaleString(i18n.language)
  const columns = useMemo<ColumnDef<SimulationHit>[]>(
    () => [
      { id: 'verdict', header: t('events.verdict'), cell: ({ row }) => <Badge color={row.original.verdict === 'deny' ? 'red' : 'yellow'}>{t(`verdict.${row.original.verdict}`)}</Badge>, meta: { width: 110 } },
      { id: 'control', header: t('events.control'), cell: ({ row: { original: h } }) => (
        <Stack gap={0}>
          <span>{control.title(h.control)}</span>
          <Text size="xs" c="dimmed">{h.policy} · {h.rule}</Text>
        </Stack>
      ) },
      { id: 'executable', header: t('findings.program'), cell: ({ row: { original: h } }) => (
        <Stack gap={0}>
          <Mono value={h.executable} wrap />
          <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>{h.object}</Text>
        </Stack>
      ) },
      { id: 'seen', header: t('learning.seen'), cell: ({ row }) => number(row.original.seen), meta: { width: 100 } },
      { id: 'events', header: t('learning.inEvents'), cell: ({ row }) => number(row.original.events), meta: { width: 100 } },
      { id: 'last', header: t('learning.last'), cell: ({ row }) => <When at={row.original.lastSeen} />, meta: { width: 130 } },
      { id: 'example', header: t('learning.example'), cell: ({ row: { original: h } }) =>
        h.examples[0] ? <AnchorLink to="/events/$id" params={{ id: h.examples[0] }} size="sm">{t('events.detail.title')}</AnchorLink> : '–' },
    ],
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [t, i18n.language],
  )
  return (
    <Stack>
      <Row gap="md">
        <Figure label={t('learning.blocked')} value={number(r.blocked)} color={r.blocked > 0 ? 'var(--mantine-color-red-light-color)' : undefined} />
        <Figure label={t('learning.reported')} value={number(r.reported)} />
        <Figure label={t('learning.tried')} value={t('learning.triedText', { items: number(r.items), occurrences: number(r.occurrences), events: number(r.events) })} />
      </Row>
      {r.hits.length === 0 ? (
        <Empty icon={<IconFlask size={26} />} title={t('learning.nothing')}>{t('learning.nothingHelp')}</Empty>
      ) : (
        <DataTable label={t('learning.simulateTab')} rows={r.hits} columns={columns} rowKey={(h) => [h.verdict, h.control, h.rule, h.policy, h.executable, h.object].join('\u0000')} fileName="limpet-simulation" />
      )}
      {r.notTried.length > 0 && (
        <Alert color="gray" title={t('learning.notTried')}>
          <List size="sm">
            {r.notTried.map((n) => (
              <List.Item key={`${n.what}/${n.why}`} lang="en">{n.what} ({number(n.count)}): {n.why}</List.Item>
            ))}
          </List>
        </Alert>
      )}
    </Stack>
  )
}

function Figure({ label, value, color }: { label: string; value: string; color?: string }) {
  return (
    <Paper p="sm">
      <Text size="xs" c="dimmed">{label}</Text>
      <Text fw={600} c={color}>{value}</Text>
    </Paper>
  )
}
