import { Badge, Button, Drawer, Group, SegmentedControl, Select, Stack, Text, Textarea, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { IconBellOff, IconCheck, IconRotate, IconSearch, IconTargetArrow } from '@tabler/icons-react'
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { put } from '../../api/client'
import { findingQuery, findingsQuery, groupsQuery } from '../../api/queries'
import type { Finding, FindingState } from '../../api/types'
import { findingStates, type FindingsSearch } from '../../app/search'
import { useMay } from '../../app/session'
import { useControlText } from '../../parts/control'
import { DataTable } from '../../parts/DataTable'
import { Fact } from '../../parts/Fact'
import { ButtonLink } from '../../parts/links'
import { Digest, Mono } from '../../parts/Mono'
import { done } from '../../parts/notify'
import { PageHeader } from '../../parts/PageHeader'
import { Empty, Loading, ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'

const route = getRouteApi('/shell/findings')
const tones: Record<FindingState, string> = { open: 'red', acknowledged: 'blue', muted: 'gray' }

export function FindingsPage() {
  const { t, i18n } = useTranslation()
  const control = useControlText()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const set = (part: Partial<FindingsSearch>) =>
    void navigate({ search: (s) => Object.fromEntries(Object.entries({ ...s, ...part }).filter(([, v]) => v !== undefined)), replace: true })
  const state = search.state ?? 'open'
  const query = useInfiniteQuery(
    findingsQuery({ state: state === 'all' ? undefined : state, control: search.control, group: search.group, q: search.q }),
  )
  const groups = useQuery({ ...groupsQuery, refetchInterval: false }).data?.items ?? []
  const [text, setText] = useState(search.q ?? '')
  const setLater = useDebouncedCallback((q: string) => set({ q: q.trim() || undefined }), 400)
  const rows = useMemo(() => query.data?.pages.flatMap((p) => p.items ?? []) ?? [], [query.data])
  const states = query.data?.pages[0]?.states
  const number = (n: number) => n.toLocaleString(i18n.language)
  const columns = useMemo<ColumnDef<Finding>[]>(
    () => [
      { id: 'control', header: t('events.control'), cell: ({ row: { original: f } }) => (
        <Stack gap={0}>
          <span>{control.title(f.control)}</span>
          <Text size="xs" c="dimmed">{f.policy} · {f.rule}</Text>
        </Stack>
      ) },
      { id: 'executable', header: t('findings.program'), cell: ({ row: { original: f } }) => (
        <Stack gap={0}>
          <Mono value={f.executable} wrap />
          {f.object && <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>{f.object}</Text>}
        </Stack>
      ) },
      { id: 'image', header: t('events.image'), cell: ({ row }) => <Mono value={row.original.image} wrap /> },
      { id: 'count', header: t('findings.count'), cell: ({ row: { original: f } }) => (
        <Group gap={4} wrap="nowrap">
          {f.denied > 0 && <Badge color="red">{t('findings.denied')} {number(f.denied)}</Badge>}
          {f.audited > 0 && <Badge color="yellow">{t('findings.audited')} {number(f.audited)}</Badge>}
        </Group>
      ) },
      { id: 'last', header: t('findings.last'), cell: ({ row }) => <When at={row.original.lastSeen} />, meta: { width: 130 } },
      ...(state === 'all' ? [{ id: 'state', header: t('findings.state'), cell: ({ row }) => <Badge color={tones[row.original.state]}>{t(`findings.states.${row.original.state}`)}</Badge> } satisfies ColumnDef<Finding>] : []),
    ],
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [t, state, i18n.language],
  )
  const filtered = Boolean(search.state || search.control || search.group || search.q)
  return (
    <>
      <PageHeader title={t('nav.findings')} lead={t('findings.lead')} />
      <Group gap="xs" mb="sm" role="search">
        <SegmentedControl
          size="xs"
          value={state}
          onChange={(v) => set({ state: v === 'open' ? undefined : (v as FindingsSearch['state']), id: undefined })}
          data={findingStates.map((s) => ({ value: s, label: `${t(`findings.states.${s}`)}${s !== 'all' && states ? ` (${states[s] ?? 0})` : ''}` }))}
          aria-label={t('findings.state')}
        />
        <TextInput
          data-page-search
          size="xs"
          w={240}
          leftSection={<IconSearch size={14} />}
          placeholder={t('findings.search')}
          aria-label={t('findings.search')}
          value={text}
          onChange={(e) => {
            setText(e.currentTarget.value)
            setLater(e.currentTarget.value)
          }}
        />
        <Select
          size="xs"
          w={160}
          placeholder={t('events.group')}
          aria-label={t('events.group')}
          data={[...new Set([...groups.map((g) => g.name), ...(search.group ? [search.group] : [])])]}
          value={search.group ?? null}
          onChange={(v) => set({ group: v ?? undefined })}
          searchable
          clearable
        />
      </Group>
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} mb="sm" />
      {query.isPending && <Loading rows={8} />}
      {query.data && rows.length === 0 && (
        <Empty icon={<IconTargetArrow size={26} />} title={filtered ? t('findings.noneMatch') : t('findings.none')}>
          {filtered ? t('findings.noneMatchHelp') : t('findings.noneHelp')}
        </Empty>
      )}
      {rows.length > 0 && (
        <>
          <DataTable label={t('nav.findings')} rows={rows} columns={columns} rowKey={(f) => f.id} onRow={(f) => set({ id: f.id })} fileName="limpet-findings" />
          {query.hasNextPage && (
            <Group justify="center" mt="sm">
              <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                {t('common.more')}
              </Button>
            </Group>
          )}
        </>
      )}
      <Drawer opened={search.id !== undefined} onClose={() => set({ id: undefined })} position="right" size="lg" title={t('findings.title')} closeButtonProps={{ 'aria-label': t('common.close') }}>
        {search.id && <Detail key={search.id} id={search.id} />}
      </Drawer>
    </>
  )
}

const days = { never: 0, day: 1, week: 7, month: 30 } as const

function Detail({ id }: { id: string }) {
  const { t, i18n } = useTranslation()
  const control = useControlText()
  const client = useQueryClient()
  const mayWrite = useMay('findings')
  const query = useQuery(findingQuery(id))
  const [reason, setReason] = useState('')
  const [until, setUntil] = useState<keyof typeof days>('never')
  const change = useMutation({
    mutationFn: (state: FindingState) =>
      put(`/findings/${encodeURIComponent(id)}`, {
        state,
        reason: reason.trim() || undefined,
        expiresAt: state !== 'open' && days[until] > 0 ? new Date(Date.now() + days[until] * 86_400_000).toISOString() : undefined,
      }, query.data?.etag),
    onSuccess: async () => {
      done(t('findings.done'))
      setReason('')
      await client.invalidateQueries({ queryKey: ['findings'] })
    },
  })
  const f = query.data?.value
  if (!f) return query.error ? <ProblemAlert error={query.error} onRetry={() => void query.refetch()} /> : <Loading />
  const number = (n: number) => n.toLocaleString(i18n.language)
  return (
    <Stack>
      <Group gap="xs">
        <Badge color={tones[f.state]}>{t(`findings.states.${f.state}`)}</Badge>
        {f.technique && <Badge color="gray" variant="default">{f.technique}</Badge>}
      </Group>
      <dl className="facts">
        <Fact name={t('events.control')}>{control.title(f.control)}</Fact>
        <Fact name={t('nav.policies')}>{f.policy && `${f.policy} · ${f.rule}`}</Fact>
        <Fact name={t('findings.program')}><Mono value={f.executable} wrap copy /></Fact>
        <Fact name={t('findings.what')}>{f.object && <Mono value={f.object} wrap />}</Fact>
        <Fact name={t('events.image')}>{f.image && <Mono value={f.image} wrap copy />}</Fact>
        <Fact name={t('object.digest')}>{f.imageDigest && <Digest value={f.imageDigest} />}</Fact>
        <Fact name={t('findings.denied')}>{number(f.denied)}</Fact>
        <Fact name={t('findings.audited')}>{number(f.audited)}</Fact>
        <Fact name={t('findings.first')}><When at={f.firstSeen} /></Fact>
        <Fact name={t('findings.last')}><When at={f.lastSeen} /></Fact>
        <Fact name={t('findings.state')}>
          {f.changedBy && (
            <span>
              {t('findings.changed', { state: t(`findings.states.${f.state}`), who: f.changedBy })} · {t('findings.since', { count: f.since })}
            </span>
          )}
        </Fact>
        <Fact name={t('findings.reason')}>{f.reason}</Fact>
        <Fact name={t('findings.expires')}>{f.expiresAt && <When at={f.expiresAt} />}</Fact>
      </dl>
      <Text size="sm" fw={600}>{t('findings.places', { count: f.placeCount })}</Text>
      <dl className="facts">
        {f.places.map((p) => (
          <Fact key={`${p.group}/${p.enforcerId}`} name={p.group}>
            <Mono value={p.enforcerId} /> · {number(p.count)}
          </Fact>
        ))}
      </dl>
      <Group>
        <ButtonLink to="/events" search={{ finding: f.id }} variant="default" size="xs">
          {t('findings.events')}
        </ButtonLink>
      </Group>
      {mayWrite && (
        <Stack gap="xs">
          <Textarea label={t('findings.reason')} description={t('findings.reasonHelp')} value={reason} onChange={(e) => setReason(e.currentTarget.value)} maxLength={1000} autosize minRows={2} />
          <Select label={t('findings.until')} w={180} allowDeselect={false} value={until} onChange={(v) => setUntil((v ?? 'never') as keyof typeof days)} data={(Object.keys(days) as (keyof typeof days)[]).map((d) => ({ value: d, label: t(`findings.untils.${d}`) }))} />
          <ProblemAlert error={change.error} onRetry={() => void query.refetch()} />
          <Group gap="xs">
            <Button size="xs" leftSection={<IconCheck size={14} />} disabled={reason.trim() === ''} loading={change.isPending} onClick={() => change.mutate('acknowledged')}>
              {t('findings.acknowledge')}
            </Button>
            <Button size="xs" variant="default" leftSection={<IconBellOff size={14} />} disabled={reason.trim() === ''} loading={change.isPending} onClick={() => change.mutate('muted')}>
              {t('findings.mute')}
            </Button>
            {f.state !== 'open' && (
              <Button size="xs" variant="subtle" leftSection={<IconRotate size={14} />} loading={change.isPending} onClick={() => change.mutate('open')}>
                {t('findings.open')}
              </Button>
            )}
          </Group>
        </Stack>
      )}
    </Stack>
  )
}
