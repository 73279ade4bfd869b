import { Group, Text, Tooltip } from '@mantine/core'
import { IconPlugConnected } from '@tabler/icons-react'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { enforcerListQuery, type EnforcerFilter } from '../../api/queries'
import type { ControlState, Enforcer } from '../../api/types'
import { PagedTable } from '../../parts/PagedTable'
import { ConnectionBadge } from '../../parts/badges'
import { Empty } from '../../parts/states'
import { When } from '../../parts/When'
import { AnchorLink } from '../../parts/links'

interface Props {
  filter: EnforcerFilter
  sort?: string
  onSort: (s: string | undefined) => void
  showGroup?: boolean
}

export function MemberList({ filter, sort, onSort, showGroup }: Props) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const query = useInfiniteQuery(enforcerListQuery(filter))
  const columns = useMemo<ColumnDef<Enforcer>[]>(() => {
    const list: ColumnDef<Enforcer>[] = [
      {
        id: 'hostname',
        accessorKey: 'hostname',
        header: t('enforcers.host'),
        cell: ({ row: { original: e } }) => (
          <AnchorLink to="/enforcers/agents/$id" params={{ id: e.id }} size="sm" fw={600} onClick={(ev) => ev.stopPropagation()}>
            {e.hostname || e.id}
          </AnchorLink>
        ),
      },
      { id: 'state', accessorKey: 'state', header: t('enforcers.state'), cell: ({ row }) => <ConnectionBadge state={row.original.state} /> },
      {
        id: 'image',
        accessorKey: 'image',
        header: t('events.image'),
        cell: ({ row }) => (
          <Text size="xs" ff="monospace" maw={280} truncate title={row.original.image}>
            {row.original.image || '–'}
          </Text>
        ),
      },
      { id: 'controls', header: t('enforcers.controls'), cell: ({ row }) => <ControlCounts enforcer={row.original} /> },
      { id: 'rung', accessorKey: 'rung', header: t('enforcers.rung') },
      {
        id: 'bundle',
        accessorFn: (e) => e.bundle?.number ?? 0,
        header: t('enforcers.bundle'),
        cell: ({ row: { original: e } }) =>
          e.bundle ? (
            <Text size="sm" className="tabular" component="span">
              {e.bundle.number} {e.bundle.current === false && <Text component="span" size="xs" c="dimmed">{t('enforcers.bundleOld')}</Text>}
            </Text>
          ) : (
            '–'
          ),
      },
      {
        id: 'dropped',
        accessorFn: (e) => e.events?.dropped ?? 0,
        header: t('enforcers.dropped'),
        cell: ({ row }) => <span className="tabular">{(row.original.events?.dropped ?? 0).toLocaleString()}</span>,
      },
      { id: 'version', accessorKey: 'version', header: t('enforcers.version') },
      { id: 'lastSeen', accessorKey: 'lastSeen', header: t('enforcers.lastSeen'), cell: ({ row }) => <When at={row.original.lastSeen} /> },
    ]
    if (showGroup) list.splice(2, 0, { id: 'group', accessorKey: 'group', header: t('events.group') })
    return list
  }, [t, showGroup])
  const narrowed = Boolean(filter.q || filter.state || (showGroup && filter.group))
  return (
    <PagedTable
      query={query}
      label={t('enforcers.enforcersView')}
      columns={columns}
      rowKey={(e) => e.id}
      sort={sort}
      onSort={onSort}
      onRow={(e) => void navigate({ to: '/enforcers/agents/$id', params: { id: e.id } })}
      fileName="limpet-enforcers"
      total={query.data?.pages[0]?.total}
      empty={
        <Empty icon={<IconPlugConnected size={26} />} title={narrowed ? t('enforcers.noMatch') : t('enforcers.noMembers')}>
          {narrowed ? t('enforcers.noMatchHelp') : t('enforcers.noMembersHelp')}
        </Empty>
      }
    />
  )
}

const states: ControlState[] = ['enforced', 'audit', 'unavailable']
const tone = { enforced: 'limpet', audit: 'yellow', unavailable: 'orange' } as const

// ControlCounts says how many controls are in which true state.
function ControlCounts({ enforcer: e }: { enforcer: Enforcer }) {
  const { t } = useTranslation()
  const count = (s: ControlState) => (e.controls ?? []).filter((c) => c.state === s).length
  const shown = states.filter((s) => count(s) > 0) as (keyof typeof tone)[]
  if (shown.length === 0) return <span className="dim">–</span>
  return (
    <Tooltip label={shown.map((s) => `${t(`controlState.${s}`)} ${count(s)}`).join(' · ')}>
      <Group gap={10} wrap="nowrap" aria-label={shown.map((s) => `${t(`controlState.${s}`)} ${count(s)}`).join(', ')}>
        {shown.map((s) => (
          <span key={s} className="nowrap tabular">
            <span className="dot" style={{ color: `var(--mantine-color-${tone[s]}-6)`, marginRight: 5 }} />
            {count(s)}
          </span>
        ))}
      </Group>
    </Tooltip>
  )
}
