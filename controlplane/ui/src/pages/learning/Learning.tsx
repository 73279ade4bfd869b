import { Alert, Badge, Button, Group as Row, Paper, Progress, Select, SegmentedControl, Stack, Text, Title } from '@mantine/core'
import { IconBulb, IconPlayerPlay, IconPlayerStop, IconSchool, IconTrash } from '@tabler/icons-react'
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { del, put, type Versioned } from '../../api/client'
import { profileItemsQuery, profilesQuery } from '../../api/queries'
import type { Group, Profile, ProfileItem, ReadinessReason } from '../../api/types'
import { profileKinds, type GroupSearch } from '../../app/search'
import { useMay } from '../../app/session'
import { Confirm } from '../../parts/Confirm'
import { ButtonLink } from '../../parts/links'
import { Mono } from '../../parts/Mono'
import { PagedTable } from '../../parts/PagedTable'
import { done } from '../../parts/notify'
import { Empty, Loading, ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'

interface Props {
  loaded: Versioned<Group>
  search: GroupSearch
  onSearch: (s: GroupSearch) => void
}

export function Learning({ loaded, search, onSearch }: Props) {
  const { t } = useTranslation()
  const g = loaded.value
  const client = useQueryClient()
  const mayGroups = useMay('groups')
  const mayPolicies = useMay('policies')
  const query = useQuery(profilesQuery(g.name))
  const [forgetting, setForgetting] = useState(false)
  const turn = useMutation({
    mutationFn: (learning: boolean) =>
      put(`/groups/${encodeURIComponent(g.name)}`, {
        name: g.name, description: g.description, mode: g.mode, labels: g.labels ?? {}, policies: g.policies ?? [], onNoPolicy: g.onNoPolicy, learning,
      }, loaded.etag),
    onSuccess: () => client.invalidateQueries({ queryKey: ['groups'] }),
  })
  const forget = useMutation({
    mutationFn: () => del(`/groups/${encodeURIComponent(g.name)}/profiles`),
    onSuccess: async () => {
      setForgetting(false)
      done(t('learning.forgotten'))
      await client.invalidateQueries({ queryKey: ['profiles'] })
    },
  })
  const profiles = query.data?.items ?? []
  const profile = profiles.find((p) => p.workload === search.workload) ?? profiles[0]
  return (
    <Stack>
      <Row justify="space-between" align="flex-start">
        <Stack gap={4} maw={720}>
          <Badge color={g.learning ? 'limpet' : 'gray'}>{g.learning ? t('learning.on') : t('learning.off')}</Badge>
          <Text size="sm" c="dimmed">{t('learning.lead')}</Text>
        </Stack>
        <Row gap="xs">
          {mayGroups && (
            <Button size="xs" variant={g.learning ? 'default' : 'filled'} loading={turn.isPending} leftSection={g.learning ? <IconPlayerStop size={14} /> : <IconPlayerPlay size={14} />} onClick={() => turn.mutate(!g.learning)}>
              {g.learning ? t('learning.switchOff') : t('learning.switchOn')}
            </Button>
          )}
          {profiles.length > 0 && (
            <ButtonLink to="/policies/-/new" search={{ learn: g.name }} size="xs" leftSection={<IconBulb size={14} />}>
              {t('learning.propose')}
            </ButtonLink>
          )}
          {profiles.length > 0 && mayPolicies && (
            <Button size="xs" variant="subtle" color="red" leftSection={<IconTrash size={14} />} onClick={() => setForgetting(true)}>
              {t('learning.forget')}
            </Button>
          )}
        </Row>
      </Row>
      <ProblemAlert error={turn.error ?? query.error} onRetry={() => void client.invalidateQueries({ queryKey: ['groups'] })} />
      {query.isPending && <Loading />}
      {query.data && profiles.length === 0 && (
        <Empty icon={<IconSchool size={26} />} title={t('learning.none')}>
          {g.learning ? t('learning.noneOn') : t('learning.noneOff')}
        </Empty>
      )}
      {profile && (
        <>
          {profiles.length > 1 && (
            <Select label={t('learning.workload')} allowDeselect={false} value={profile.workload} onChange={(v) => onSearch({ ...search, workload: v ?? undefined })} data={profiles.map((p) => ({ value: p.workload, label: `${p.image || p.workload} ${p.imageDigest.slice(0, 19)}` }))} />
          )}
          <ReadinessCard profile={profile} />
          <Items key={`${profile.workload}/${search.kind ?? ''}`} group={g.name} profile={profile} search={search} onSearch={onSearch} />
        </>
      )}
      <Confirm opened={forgetting} danger title={t('learning.forget')} confirm={t('learning.forget')} busy={forget.isPending} error={forget.error} onConfirm={() => forget.mutate()} onClose={() => setForgetting(false)}>
        {t('learning.forgetText')}
      </Confirm>
    </Stack>
  )
}

// ReasonText says a reason in the person's language; one that this console does
// not know goes by the server's words.
function ReasonText({ reason: r }: { reason: ReadinessReason }) {
  const { t, i18n } = useTranslation()
  const [a = 0, b = 0] = r.values ?? []
  const number = (n: number) => n.toLocaleString(i18n.language, { maximumFractionDigits: 1 })
  const span = (s: number) => {
    const [n, unit] = s < 3600 ? [s / 60, 'minute'] : s < 72 * 3600 ? [s / 3600, 'hour'] : [s / 86400, 'day']
    return Math.floor(n).toLocaleString(i18n.language, { style: 'unit', unit, unitDisplay: 'long' })
  }
  const texts: Record<string, () => string> = {
    observed: () => t('learning.reasons.observed', { a: span(a), b: span(b) }),
    starts: () => t('learning.reasons.starts', { count: a, b: number(b) }),
    quiet: () => t('learning.reasons.quiet', { a: span(a), b: span(b) }),
    explained: () => t('learning.reasons.explained', { a: number(a) }),
    dropped: () => t('learning.reasons.dropped', { count: a, n: number(a), b: number(b) }),
  }
  const say = r.values ? texts[r.name] : undefined
  return <Text size="sm" lang={say ? undefined : 'en'}>{say ? say() : r.text}</Text>
}

function ReadinessCard({ profile: p }: { profile: Profile }) {
  const { t, i18n } = useTranslation()
  const ready = p.readiness.score >= 80
  const color = ready ? 'limpet' : p.readiness.score >= 50 ? 'yellow' : 'orange'
  return (
    <Paper p="md" component="section" aria-label={t('learning.readiness')}>
      <Row justify="space-between" mb="xs">
        <Title order={3}>{t('learning.readiness')}: {p.readiness.score} / 100</Title>
        <Badge color={color}>{ready ? t('learning.ready') : t('learning.notReady')}</Badge>
      </Row>
      <Progress value={p.readiness.score} color={color} aria-label={t('learning.readiness')} mb="sm" />
      <Stack gap={4}>
        {p.readiness.reasons.map((r) => (
          <Row key={r.name} gap="xs" wrap="nowrap" align="flex-start">
            <Badge color="gray" variant="default" miw={70}>{r.points}{r.of > 0 ? ` / ${r.of}` : ''}</Badge>
            <ReasonText reason={r} />
          </Row>
        ))}
      </Stack>
      <Row gap="lg" mt="sm">
        <Text size="xs" c="dimmed">{t('learning.starts')}: {p.starts.toLocaleString(i18n.language)}</Text>
        <Text size="xs" c="dimmed">{t('learning.tasks')}: {p.maxTasks.toLocaleString(i18n.language)}</Text>
        <Text size="xs" c="dimmed">{t('learning.last')}: <When at={p.lastSeen} /></Text>
      </Row>
    </Paper>
  )
}

// objectOf says in a line what an item is about.
export function objectOf(it: ProfileItem): string {
  switch (it.kind) {
    case 'exec':
      return it.path || '(memory)'
    case 'connect':
    case 'listen':
      return it.address ? `${it.protocol} ${it.address.includes(':') ? `[${it.address}]` : it.address}:${it.port ?? 0}` : `${it.protocol} ${it.path ?? ''}`
    case 'socket':
      return `domain ${it.domain ?? 0}, type ${it.type ?? 0}, protocol ${it.socketProtocol ?? 0}`
    case 'file':
      return `${it.call ?? ''} ${it.path ?? ''}`
    default:
      return `${it.call ?? ''} ${it.detail ?? ''}`.trim()
  }
}

function Items({ group, profile, search, onSearch }: { group: string; profile: Profile; search: GroupSearch; onSearch: (s: GroupSearch) => void }) {
  const { t, i18n } = useTranslation()
  const kinds = profileKinds.filter((k) => (profile.kinds[k] ?? 0) > 0)
  const kind = search.kind ?? kinds[0] ?? 'exec'
  const query = useInfiniteQuery(profileItemsQuery(group, profile.workload, kind))
  const columns = useMemo<ColumnDef<ProfileItem>[]>(
    () => [
      { id: 'object', header: t('learning.object'), cell: ({ row }) => <Mono value={objectOf(row.original)} wrap />, meta: { min: 200 } },
      { id: 'actor', header: t('learning.actor'), cell: ({ row: { original: it } }) => (it.exe ? <Mono value={it.exe} wrap /> : '–'), meta: { min: 160 } },
      { id: 'uid', header: 'UID', cell: ({ row }) => row.original.uid, meta: { width: 70 } },
      { id: 'count', header: t('learning.count'), cell: ({ row }) => row.original.count.toLocaleString(i18n.language), meta: { width: 90 } },
      { id: 'starts', header: t('learning.inStarts'), cell: ({ row }) => row.original.starts, meta: { width: 90 } },
      { id: 'first', header: t('learning.first'), cell: ({ row }) => <When at={row.original.firstSeen} />, meta: { width: 130 } },
      { id: 'last', header: t('learning.last'), cell: ({ row }) => <When at={row.original.lastSeen} />, meta: { width: 130 } },
    ],
    [t, i18n.language],
  )
  return (
    <Stack gap="sm">
      <SegmentedControl
        size="xs"
        value={kind}
        onChange={(v) => onSearch({ ...search, kind: v as GroupSearch['kind'] })}
        data={profileKinds.map((k) => ({ value: k, label: `${t(`learning.kinds.${k}`)} (${profile.kinds[k] ?? 0})` }))}
        aria-label={t('learning.object')}
      />
      <PagedTable
        query={query}
        label={t(`learning.kinds.${kind}`)}
        columns={columns}
        rowKey={(it) => JSON.stringify(it)}
        fileName={`limpet-profile-${group}-${kind}`}
        skeleton={4}
        empty={<Alert color="gray">{t('learning.noKind')}</Alert>}
      />
    </Stack>
  )
}
