import { ActionIcon, Badge, Button, Group, Progress, SegmentedControl, Stack, Text, Tooltip } from '@mantine/core'
import { IconPlus, IconRadar2, IconRefresh, IconX } from '@tabler/icons-react'
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { post } from '../../api/client'
import { narrow, scanStates, type ScansSearch } from '../../app/search'
import { useMay } from '../../app/session'
import { Command } from '../../parts/Command'
import { FilterSelect } from '../../parts/FilterSelect'
import { ButtonLink } from '../../parts/links'
import { done } from '../../parts/notify'
import { PagedTable } from '../../parts/PagedTable'
import { PageHeader } from '../../parts/PageHeader'
import { SearchField } from '../../parts/SearchField'
import { Empty, ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'
import { AddScan } from './AddScan'
import { scanJobsQuery, scanQueueQuery, type ScanJob } from './queries'
import { workerCommand, Workers } from './Workers'

const route = getRouteApi('/shell/scans')

const tones = { waiting: 'gray', leased: 'blue', done: 'limpet', failed: 'red', cancelled: 'gray' } as const
const verdicts = { pass: 'limpet', warn: 'yellow', fail: 'red' } as const
const reasons = ['manual', 'ci', 'webhook', 'rescan', 'schedule'] as const

// The server counts up to 10,000.
const bounded = (n: number) => (n >= 10_000 ? '10,000+' : String(n))

export function ScansPage() {
  const { t } = useTranslation()
  const client = useQueryClient()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const set = (part: Partial<ScansSearch>) => void navigate({ search: (s) => narrow(s, part), replace: true })
  const mayWrite = useMay('scans')
  const mayFind = useMay('registries', 'read')
  const [adding, setAdding] = useState(false)
  const queue = useQuery(scanQueueQuery)
  const query = useInfiniteQuery(scanJobsQuery({ state: search.state, reason: search.reason, query: search.q }))
  const fresh = () => Promise.all([client.invalidateQueries({ queryKey: ['scan-jobs'] }), client.invalidateQueries({ queryKey: ['scan-queue'] })])
  const change = useMutation({
    mutationFn: ({ job, verb }: { job: ScanJob; verb: 'cancel' | 'retry' }) => post<ScanJob>(`/scan-jobs/${encodeURIComponent(job.id)}/${verb}`),
    onSuccess: (j, { verb }) => {
      done(t(verb === 'cancel' ? 'scans.cancelled' : 'scans.queued', { image: j.reference }))
      return fresh()
    },
  })
  const act = change.mutate
  const columns = useMemo<ColumnDef<ScanJob>[]>(
    () => [
      {
        id: 'image',
        header: t('scans.image'),
        cell: ({ row: { original: j } }) => (
          <Stack gap={0}>
            <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
              {j.reference}
            </Text>
            {j.platform && (
              <Text size="xs" c="dimmed">
                {j.platform}
              </Text>
            )}
          </Stack>
        ),
      },
      { id: 'state', header: t('scans.state'), meta: { width: 110 }, cell: ({ row: { original: j } }) => <Badge color={tones[j.state]}>{t(`scans.states.${j.state}`)}</Badge> },
      { id: 'how', header: t('scans.how'), cell: ({ row: { original: j } }) => <How job={j} /> },
      {
        id: 'asked',
        header: t('scans.asked'),
        meta: { width: 150 },
        cell: ({ row: { original: j } }) => (
          <Stack gap={0}>
            <When at={j.createdAt} />
            <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
              {t(`scans.reasons.${j.reason}`)}
              {j.createdBy && ` · ${j.createdBy}`}
            </Text>
          </Stack>
        ),
      },
      {
        id: 'actions',
        header: () => <span className="visually-hidden">{t('common.actions')}</span>,
        meta: { width: 60 },
        cell: ({ row: { original: j } }) => {
          if (!mayWrite) return null
          const verb = j.state === 'waiting' || j.state === 'leased' ? 'cancel' : 'retry'
          const label = t(verb === 'cancel' ? 'scans.cancelNamed' : 'scans.retryNamed', { image: j.reference })
          return (
            <Tooltip label={t(verb === 'cancel' ? 'scans.cancel' : 'scans.retry')}>
              <ActionIcon variant="subtle" color={verb === 'cancel' ? 'red' : undefined} aria-label={label} onClick={() => act({ job: j, verb })}>
                {verb === 'cancel' ? <IconX size={15} /> : <IconRefresh size={15} />}
              </ActionIcon>
            </Tooltip>
          )
        },
      },
    ],
    [t, mayWrite, act],
  )
  const n = queue.data
  const counts: Record<string, number> = { waiting: n?.waiting ?? 0, leased: n?.leased ?? 0, failed: n?.failed ?? 0, done: n?.done ?? 0, cancelled: n?.cancelled ?? 0 }
  const filtered = Boolean(search.state || search.reason || search.q)
  const add = mayWrite && (
    <Button size="xs" leftSection={<IconPlus size={15} />} onClick={() => setAdding(true)}>
      {t('scans.add')}
    </Button>
  )
  return (
    <>
      <PageHeader
        title={t('nav.scans')}
        lead={t('scans.lead')}
        actions={
          <>
            {mayWrite && mayFind && (
              <ButtonLink to="/add-images" size="xs" variant="default">
                {t('addImages.title')}
              </ButtonLink>
            )}
            {add}
          </>
        }
      />
      <ProblemAlert error={queue.error ?? change.error} mb="sm" />
      {n && (
        <Group gap="lg" mb="sm">
          <Text size="sm">
            {t('scans.hour')}: <b className="tabular">{bounded(n.endedLastHour)}</b>
          </Text>
          {n.oldestWaiting && (
            <Text size="sm" component="div">
              {t('scans.oldest')}: <When at={n.oldestWaiting} />
            </Text>
          )}
        </Group>
      )}
      <Group gap="xs" mb="sm" role="search">
        <SegmentedControl
          size="xs"
          value={search.state ?? 'all'}
          onChange={(v) => set({ state: v === 'all' ? undefined : (v as ScansSearch['state']) })}
          data={[{ value: 'all', label: t('scans.states.all') }, ...scanStates.map((s) => ({ value: s, label: n ? `${t(`scans.states.${s}`)} (${bounded(counts[s] ?? 0)})` : t(`scans.states.${s}`) }))]}
          aria-label={t('scans.state')}
        />
        <SearchField label={t('scans.search')} value={search.q} onChange={(q) => set({ q })} />
        <FilterSelect label={t('scans.reason')} values={reasons} name={(r) => t(`scans.reasons.${r}`)} value={search.reason} onChange={(reason) => set({ reason })} />
      </Group>
      <PagedTable
        query={query}
        label={t('nav.scans')}
        columns={columns}
        rowKey={(j) => j.id}
        fileName="limpet-scans"
        empty={
          <Empty icon={<IconRadar2 size={26} />} title={filtered ? t('scans.noneMatch') : t('scans.none')} action={!filtered && add}>
            <Text size="sm" c="dimmed" mb="sm">
              {filtered ? t('scans.noneMatchHelp') : t('scans.noneHelp')}
            </Text>
            {!filtered && (
              <Text ta="left" component="div">
                <Command text={`limpet scans enqueue registry.example.com/shop/web:1.4\n\n${workerCommand()}`} label={t('scans.commands')} />
              </Text>
            )}
          </Empty>
        }
      />
      {n && <Workers workers={n.workers} />}
      {adding && (
        <AddScan
          onClose={() => {
            setAdding(false)
            void fresh()
          }}
        />
      )}
    </>
  )
}

// How says how a scan stands: its progress, its verdict, or why it failed.
function How({ job: j }: { job: ScanJob }) {
  const { t } = useTranslation()
  if (j.state === 'leased') {
    const label = j.of > 0 ? t('scans.layers', { done: j.done, of: j.of }) : t('scans.begins')
    return (
      <Stack gap={4} miw={160}>
        <Progress.Root size="sm">
          <Progress.Section value={j.of > 0 ? Math.max(3, (100 * j.done) / j.of) : 100} striped={j.of === 0} animated={j.of === 0} color="blue" aria-label={label} />
        </Progress.Root>
        <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          {label} · {t('scans.by', { worker: j.worker })}
        </Text>
      </Stack>
    )
  }
  return (
    <Stack gap={2}>
      {j.state === 'done' && (
        <Group gap={6}>
          {j.result && <Badge color={verdicts[j.result]}>{t(`scans.results.${j.result}`)}</Badge>}
          <When at={j.finishedAt} />
        </Group>
      )}
      {j.error && (
        <Text size="xs" lang="en" c={j.state === 'failed' ? undefined : 'dimmed'} lineClamp={4} style={{ overflowWrap: 'anywhere' }}>
          {j.error}
        </Text>
      )}
      {j.notBefore && (
        <Text size="xs" c="dimmed" component="div">
          {t('scans.notBefore')} <When at={j.notBefore} future />
        </Text>
      )}
      {j.attempts > 1 && (
        <Text size="xs" c="dimmed">
          {t('scans.attempts', { count: j.attempts })}
        </Text>
      )}
    </Stack>
  )
}
