import { ActionIcon, Button, Group, Text } from '@mantine/core'
import { IconListCheck, IconPencil, IconPlus, IconTrash } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { del } from '../../api/client'
import { listsQuery } from '../../api/queries'
import type { ReputationList } from '../../api/types'
import { useMay } from '../../app/session'
import { Command } from '../../parts/Command'
import { Confirm } from '../../parts/Confirm'
import { DataTable } from '../../parts/DataTable'
import { AnchorLink } from '../../parts/links'
import { PageHeader } from '../../parts/PageHeader'
import { Empty, Loading, ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'
import { ListForm } from './ListForm'

// ListsPage shows the reputation lists that policies may name.
export function ListsPage() {
  const { t, i18n } = useTranslation()
  const client = useQueryClient()
  const mayWrite = useMay('policies')
  const query = useQuery(listsQuery)
  const [editing, setEditing] = useState<{ name?: string }>()
  const [removing, setRemoving] = useState<ReputationList>()
  const remove = useMutation({
    mutationFn: (name: string) => del(`/reputation-lists/${encodeURIComponent(name)}`),
    onSuccess: async () => {
      setRemoving(undefined)
      await client.invalidateQueries({ queryKey: listsQuery.queryKey })
    },
  })
  const columns = useMemo<ColumnDef<ReputationList>[]>(() => {
    const number = new Intl.NumberFormat(i18n.language)
    return [
      {
        id: 'name',
        header: t('common.name'),
        cell: ({ row: { original: l } }) => (
          <>
            <Text size="sm" fw={600}>
              {l.name}
            </Text>
            <Text size="xs" c="dimmed" lineClamp={2}>
              {l.description}
            </Text>
          </>
        ),
      },
      { id: 'entries', header: t('lists.entries'), cell: ({ row }) => <span className="tabular">{number.format(row.original.entries)}</span> },
      { id: 'ranges', header: t('lists.ranges'), cell: ({ row }) => <span className="tabular">{number.format(row.original.ranges)}</span> },
      { id: 'names', header: t('lists.names'), cell: ({ row }) => <span className="tabular">{number.format(row.original.names)}</span> },
      {
        id: 'policies',
        header: t('lists.usedBy'),
        cell: ({ row }) =>
          row.original.policies.length > 0 ? (
            <Group gap={6}>
              {row.original.policies.map((p) => (
                <AnchorLink key={p} to="/policies/$policy" params={{ policy: p }} size="sm">
                  {p}
                </AnchorLink>
              ))}
            </Group>
          ) : (
            <span className="dim">{t('lists.unused')}</span>
          ),
      },
      {
        id: 'updatedAt',
        header: t('policies.changed'),
        cell: ({ row: { original: l } }) => (
          <>
            <When at={l.updatedAt} /> <span className="dim">{l.updatedBy}</span>
          </>
        ),
      },
      {
        id: 'actions',
        header: () => <span className="visually-hidden">{t('common.actions')}</span>,
        meta: { width: 80 },
        cell: ({ row: { original: l } }) =>
          mayWrite && (
            <Group gap={4} wrap="nowrap">
              <ActionIcon variant="subtle" aria-label={t('lists.editNamed', { name: l.name })} onClick={() => setEditing({ name: l.name })}>
                <IconPencil size={15} />
              </ActionIcon>
              <ActionIcon variant="subtle" color="red" aria-label={t('lists.deleteNamed', { name: l.name })} onClick={() => setRemoving(l)}>
                <IconTrash size={15} />
              </ActionIcon>
            </Group>
          ),
      },
    ]
  }, [t, i18n.language, mayWrite])
  const rows = query.data?.items ?? []
  const add = mayWrite && (
    <Button size="xs" leftSection={<IconPlus size={15} />} onClick={() => setEditing({})}>
      {t('lists.add')}
    </Button>
  )
  return (
    <>
      <PageHeader title={t('nav.lists')} lead={t('lists.lead')} actions={rows.length > 0 && add} />
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
      {query.isPending && <Loading rows={3} />}
      {query.data && rows.length === 0 && (
        <Empty icon={<IconListCheck size={26} />} title={t('lists.none')} action={add}>
          <Text size="sm" c="dimmed" mb="sm">
            {t('lists.noneHelp')}
          </Text>
          <Command text="limpet list import bad-hosts drop.txt" label={t('lists.command')} />
        </Empty>
      )}
      {rows.length > 0 && <DataTable label={t('nav.lists')} rows={rows} columns={columns} rowKey={(l) => l.name} fileName="limpet-lists" />}
      {editing && (
        <ListForm
          name={editing.name}
          onClose={() => {
            setEditing(undefined)
            void client.invalidateQueries({ queryKey: listsQuery.queryKey })
          }}
        />
      )}
      <Confirm
        opened={removing !== undefined}
        danger
        blocked={(removing?.policies.length ?? 0) > 0}
        title={t('lists.deleteNamed', { name: removing?.name ?? '' })}
        confirm={t('common.delete')}
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => removing && remove.mutate(removing.name)}
        onClose={() => {
          setRemoving(undefined)
          remove.reset()
        }}
      >
        {removing && removing.policies.length > 0 ? t('lists.inUse', { policies: removing.policies.join(', ') }) : t('lists.deleteText')}
      </Confirm>
    </>
  )
}
