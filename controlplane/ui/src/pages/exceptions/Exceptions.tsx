import { Badge, Drawer, Group, SegmentedControl, Stack, Text } from '@mantine/core'
import { IconHandStop } from '@tabler/icons-react'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { exceptionsQuery, exceptionSummaryQuery, type ExceptionObject, type ExceptionSpec } from '../../api/assurance'
import { exceptionStates, narrow, type ExceptionsSearch } from '../../app/search'
import { Command } from '../../parts/Command'
import { PagedTable } from '../../parts/PagedTable'
import { PageHeader } from '../../parts/PageHeader'
import { SearchField } from '../../parts/SearchField'
import { Empty } from '../../parts/states'
import { When } from '../../parts/When'
import { AskException } from './AskException'
import type { ReasonClass } from './draft'
import { ExceptionDetail } from './ExceptionDetail'
import { ExportStatements } from './ExportStatements'
import { ImportStatements } from './ImportStatements'
import { tones } from './tones'

const route = getRouteApi('/shell/exceptions')

export function ExceptionsPage() {
  const { t, i18n } = useTranslation()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const set = (part: Partial<ExceptionsSearch>) => void navigate({ search: (s) => narrow(s, part), replace: true })
  const state = search.state ?? 'requested'
  const query = useInfiniteQuery(exceptionsQuery({ state: state === 'all' ? undefined : state, query: search.q }))
  const summary = useQuery(exceptionSummaryQuery).data
  const counts: Partial<Record<string, number>> = summary ? { requested: summary.requested, approved: summary.approved, expiring: summary.expiring, expired: summary.expired } : {}
  const columns = useMemo<ColumnDef<ExceptionObject>[]>(
    () => [
      { id: 'name', header: t('common.name'), cell: ({ row: { original: e } }) => (
        <Stack gap={0} miw={180}>
          <Text size="sm" fw={600}>{e.name}</Text>
          <Text size="xs" c="dimmed" ff="monospace" style={{ overflowWrap: 'anywhere' }}>{whatOf(e.document.spec)}</Text>
        </Stack>
      ) },
      { id: 'where', header: t('exceptions.where'), cell: ({ row: { original: e } }) => (
        <Text size="xs" ff="monospace" miw={160} style={{ overflowWrap: 'anywhere' }}>{whereOf(e.document.spec) || <span className="dim">{t('exceptions.everyImage')}</span>}</Text>
      ) },
      { id: 'reason', header: t('exceptions.reasonClass'), cell: ({ row }) => t(`exceptions.classes.${row.original.document.spec.reasonClass as ReasonClass}`) },
      { id: 'owner', header: t('exceptions.owner'), cell: ({ row }) => row.original.owner },
      { id: 'requested', header: t('exceptions.requestedBy'), cell: ({ row: { original: e } }) => <>{e.requestedBy} <span className="dim"><When at={e.requestedAt} /></span></> },
      { id: 'expires', header: t('exceptions.expires'), cell: ({ row: { original: e } }) => <Text size="sm" c={e.expiresSoon ? 'orange' : undefined}>{new Date(e.expiresAt).toLocaleDateString(i18n.language)}</Text>, meta: { width: 120 } },
      { id: 'state', header: t('exceptions.state'), cell: ({ row: { original: e } }) => <Badge color={tones[e.state]}>{t(`exceptions.states.${e.state}`)}</Badge>, meta: { width: 120 } },
    ],
    [t, i18n.language],
  )
  const filtered = Boolean(search.state || search.q)
  return (
    <>
      <PageHeader title={t('nav.exceptions')} lead={t('exceptions.lead')} actions={<><ImportStatements /><ExportStatements /><AskException size="sm" /></>} />
      <Group gap="xs" mb="sm" role="search">
        <SegmentedControl
          size="xs"
          style={{ maxWidth: '100%', overflowX: 'auto' }}
          value={state}
          onChange={(v) => set({ state: v === 'requested' ? undefined : (v as ExceptionsSearch['state']), name: undefined })}
          data={exceptionStates.map((s) => ({ value: s, label: `${t(`exceptions.states.${s}`)}${counts[s] ? ` (${counts[s]})` : ''}` }))}
          aria-label={t('exceptions.state')}
        />
        <SearchField label={t('exceptions.search')} value={search.q} onChange={(q) => set({ q })} />
      </Group>
      <PagedTable
        query={query}
        label={t('nav.exceptions')}
        columns={columns}
        rowKey={(e) => e.name}
        onRow={(e) => set({ name: e.name })}
        rowButton
        fileName="limpet-exceptions"
        empty={
          <Empty icon={<IconHandStop size={26} />} title={filtered ? t('exceptions.noneMatch') : t('exceptions.none')}>
            {t('exceptions.noneHelp')}
            <Command label={t('exceptions.command')} text="limpet get exceptions -o yaml > exceptions.yaml" />
          </Empty>
        }
      />
      <Drawer opened={search.name !== undefined} onClose={() => set({ name: undefined })} position="right" size="lg" title={t('exceptions.title')} closeButtonProps={{ 'aria-label': t('common.close') }}>
        {search.name && <ExceptionDetail key={search.name} name={search.name} onGone={() => set({ name: undefined })} />}
      </Drawer>
    </>
  )
}

// whatOf says in a line what is accepted; whereOf, in which images.
export function whatOf(s: ExceptionSpec): string {
  return [...(s.ids ?? []), ...(s.packages ?? []), ...(s.paths ?? []), ...(s.controls ?? [])].join(', ')
}

export function whereOf(s: ExceptionSpec): string {
  return [...(s.images ?? []), ...(s.digests ?? []).map((d) => d.slice(0, 19) + '…')].join(', ')
}
