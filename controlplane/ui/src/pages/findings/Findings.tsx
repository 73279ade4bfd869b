import { Badge, Drawer, Group, SegmentedControl, Stack, Text } from '@mantine/core'
import { IconTargetArrow } from '@tabler/icons-react'
import { useInfiniteQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { findingsQuery } from '../../api/queries'
import type { Finding } from '../../api/types'
import { findingStates, narrow, type FindingsSearch } from '../../app/search'
import { useControlText } from '../../parts/control'
import { ControlSelect, GroupSelect } from '../../parts/FilterSelect'
import { Mono } from '../../parts/Mono'
import { PagedTable } from '../../parts/PagedTable'
import { PageHeader } from '../../parts/PageHeader'
import { SearchField } from '../../parts/SearchField'
import { Empty } from '../../parts/states'
import { When } from '../../parts/When'
import { FindingDetail } from './FindingDetail'
import { ruleOf, tones } from './finding'

const route = getRouteApi('/shell/findings')

// The server counts up to 10,000: one more means that there are more.
const bounded = (n: number) => (n > 10_000 ? '10,000+' : String(n))

export function FindingsPage() {
  const { t, i18n } = useTranslation()
  const control = useControlText()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const set = (part: Partial<FindingsSearch>) => void navigate({ search: (s) => narrow(s, part), replace: true })
  const state = search.state ?? 'open'
  const query = useInfiniteQuery(
    findingsQuery({ state: state === 'all' ? undefined : state, control: search.control, group: search.group, q: search.q }),
  )
  const states = query.data?.pages[0]?.states
  const number = (n: number) => n.toLocaleString(i18n.language)
  const columns = useMemo<ColumnDef<Finding>[]>(
    () => [
      { id: 'control', header: t('events.control'), cell: ({ row: { original: f } }) => (
        <Stack gap={0}>
          <span>{control.title(f.control)}</span>
          <Text size="xs" c="dimmed">{ruleOf(f)}</Text>
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
          {f.denied > 0 && <Badge color="red" flex="none">{t('findings.denied')} {number(f.denied)}</Badge>}
          {f.audited > 0 && <Badge color="yellow" flex="none">{t('findings.audited')} {number(f.audited)}</Badge>}
        </Group>
      ), meta: { min: 190 } },
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
          data={findingStates.map((s) => ({ value: s, label: `${t(`findings.states.${s}`)}${s !== 'all' && states ? ` (${bounded(states[s] ?? 0)})` : ''}` }))}
          aria-label={t('findings.state')}
        />
        <SearchField label={t('findings.search')} value={search.q} onChange={(q) => set({ q })} />
        <ControlSelect value={search.control} onChange={(control) => set({ control })} />
        <GroupSelect value={search.group} onChange={(group) => set({ group })} />
      </Group>
      <PagedTable
        query={query}
        label={t('nav.findings')}
        columns={columns}
        rowKey={(f) => f.id}
        onRow={(f) => set({ id: f.id })}
        rowButton
        fileName="limpet-findings"
        empty={
          <Empty icon={<IconTargetArrow size={26} />} title={filtered ? t('findings.noneMatch') : t('findings.none')}>
            {filtered ? t('findings.noneMatchHelp') : t('findings.noneHelp')}
          </Empty>
        }
      />
      <Drawer opened={search.id !== undefined} onClose={() => set({ id: undefined })} position="right" size="lg" title={t('findings.title')} closeButtonProps={{ 'aria-label': t('common.close') }}>
        {search.id && <FindingDetail key={search.id} id={search.id} />}
      </Drawer>
    </>
  )
}
