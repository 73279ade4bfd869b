import { ActionIcon, Button, Menu, Text, Tooltip } from '@mantine/core'
import { IconDots, IconPencil, IconShieldPlus, IconTerminal2, IconTrash } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { groupsQuery } from '../../api/queries'
import type { Group } from '../../api/types'
import { useMay } from '../../app/session'
import { DataTable } from '../../parts/DataTable'
import { Labels, ModeBadge } from '../../parts/badges'
import { Empty, Loading, ProblemAlert } from '../../parts/states'
import { DeleteGroup } from './DeleteGroup'
import { AnchorLink } from '../../parts/links'

interface Props {
  q?: string
  sort?: string
  onSort: (s: string | undefined) => void
  onAdd: () => void
}

export function GroupList({ q, sort, onSort, onAdd }: Props) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const mayWrite = useMay('groups')
  const query = useQuery(groupsQuery)
  const [deleting, setDeleting] = useState<Group>()
  const all = query.data?.items
  const rows = useMemo(() => {
    const needle = q?.toLowerCase()
    return (all ?? []).filter((g) => !needle || `${g.name} ${g.description ?? ''}`.toLowerCase().includes(needle))
  }, [all, q])

  const columns = useMemo<ColumnDef<Group>[]>(() => {
    const open = (g: Group, tab?: 'install' | 'settings') =>
      void navigate({ to: '/enforcers/groups/$group', params: { group: g.name }, search: tab ? { tab } : {} })
    return [
      {
        id: 'name',
        accessorKey: 'name',
        header: t('common.name'),
        cell: ({ row: { original: g } }) => (
          <>
            <AnchorLink to="/enforcers/groups/$group" params={{ group: g.name }} size="sm" fw={600} onClick={(e) => e.stopPropagation()}>
              {g.name}
            </AnchorLink>
            {g.description && (
              <Text size="xs" c="dimmed" lineClamp={1}>
                {g.description}
              </Text>
            )}
          </>
        ),
      },
      { id: 'mode', accessorKey: 'mode', header: t('enforcers.mode'), cell: ({ row }) => <ModeBadge mode={row.original.mode} />, meta: { width: 130 } },
      {
        id: 'connected',
        accessorFn: (g) => g.members?.connected ?? 0,
        header: t('enforcers.connected'),
        meta: { width: 130 },
        cell: ({ row: { original: g } }) => <Connected group={g} />,
      },
      {
        id: 'policies',
        header: t('nav.policies'),
        cell: ({ row: { original: g } }) =>
          (g.policies?.length ?? 0) > 0 ? (
            <Text size="sm">{g.policies?.join(', ')}</Text>
          ) : (
            <Text size="sm" c="dimmed">
              {t('enforcers.noPolicies')}
            </Text>
          ),
      },
      { id: 'labels', header: t('common.labels'), cell: ({ row }) => <Labels labels={row.original.labels} /> },
      {
        id: 'menu',
        header: () => <span className="visually-hidden">{t('common.actions')}</span>,
        meta: { width: 50 },
        cell: ({ row: { original: g } }) => (
          <Menu position="bottom-end" width={220}>
            <Menu.Target>
              <ActionIcon variant="subtle" color="gray" aria-label={t('enforcers.menuOf', { name: g.name })} onClick={(e) => e.stopPropagation()}>
                <IconDots size={16} />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown onClick={(e) => e.stopPropagation()}>
              {mayWrite && (
                <Menu.Item leftSection={<IconPencil size={15} />} onClick={() => open(g, 'settings')}>
                  {t('enforcers.edit')}
                </Menu.Item>
              )}
              <Menu.Item leftSection={<IconTerminal2 size={15} />} onClick={() => open(g, 'install')}>
                {t('enforcers.copyInstall')}
              </Menu.Item>
              {mayWrite && (
                <Menu.Item color="red" leftSection={<IconTrash size={15} />} onClick={() => setDeleting(g)}>
                  {t('enforcers.delete')}
                </Menu.Item>
              )}
            </Menu.Dropdown>
          </Menu>
        ),
      },
    ]
  }, [t, navigate, mayWrite])

  if (query.isPending) return <Loading />
  return (
    <>
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} mb="md" />
      {all && all.length === 0 ? (
        <Empty
          icon={<IconShieldPlus size={26} />}
          title={t('enforcers.none')}
          action={mayWrite && <Button onClick={onAdd}>{t('enforcers.add')}</Button>}
        >
          {t('enforcers.noneHelp')}
        </Empty>
      ) : (
        all && (
          <DataTable
            label={t('enforcers.groupsView')}
            rows={rows}
            columns={columns}
            rowKey={(g) => g.name}
            sort={sort}
            onSort={onSort}
            onRow={(g) => void navigate({ to: '/enforcers/groups/$group', params: { group: g.name } })}
            fileName="limpet-groups"
          />
        )
      )}
      {deleting && <DeleteGroup group={deleting} onClose={() => setDeleting(undefined)} />}
    </>
  )
}

export function Connected({ group: g }: { group: Group }) {
  const { t } = useTranslation()
  const total = g.members?.total ?? 0
  const connected = g.members?.connected ?? 0
  const tone = total === 0 ? 'gray' : connected === total ? 'limpet' : 'yellow'
  return (
    <Tooltip label={t('enforcers.connectedOf', { connected, total })}>
      <Text size="sm" className="tabular" component="span">
        <span className="dot" style={{ color: `var(--mantine-color-${tone}-6)`, marginRight: 7 }} />
        {connected} / {total}
      </Text>
    </Tooltip>
  )
}
