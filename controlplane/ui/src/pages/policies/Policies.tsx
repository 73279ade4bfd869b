import { Button, Group, Text } from '@mantine/core'
import { IconPlus, IconShieldCog } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { policiesQuery } from '../../api/queries'
import type { Policy } from '../../api/types'
import { useMay } from '../../app/session'
import { DataTable } from '../../parts/DataTable'
import { AnchorLink } from '../../parts/links'
import { PageHeader } from '../../parts/PageHeader'
import { SearchField } from '../../parts/SearchField'
import { Empty, Loading, ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'
import { countModes } from './document'

const route = getRouteApi('/shell/policies')

export function PoliciesPage() {
  const { t } = useTranslation()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const open = useNavigate()
  const mayWrite = useMay('policies')
  const query = useQuery(policiesQuery)
  const all = query.data?.items
  const rows = useMemo(() => {
    const needle = search.q?.toLowerCase()
    return (all ?? []).filter((p) => !needle || `${p.name} ${descriptionOf(p)}`.toLowerCase().includes(needle))
  }, [all, search.q])
  const columns = useMemo<ColumnDef<Policy>[]>(
    () => [
      {
        id: 'name',
        accessorKey: 'name',
        header: t('common.name'),
        cell: ({ row: { original: p } }) => (
          <>
            <AnchorLink to="/policies/$policy" params={{ policy: p.name }} size="sm" fw={600} onClick={(e) => e.stopPropagation()}>
              {p.name}
            </AnchorLink>
            <Text size="xs" c="dimmed" lineClamp={1}>
              {descriptionOf(p)}
            </Text>
          </>
        ),
      },
      {
        id: 'controls',
        header: t('policies.controls'),
        cell: ({ row }) => {
          const n = countModes(row.original.document)
          return (
            <Group gap="sm" wrap="nowrap">
              <span className="nowrap">
                <span className="dot" style={{ color: 'var(--mantine-color-limpet-6)' }} /> {n.enforce} {t('mode.enforce')}
              </span>
              <span className="nowrap">
                <span className="dot" style={{ color: 'var(--mantine-color-yellow-6)' }} /> {n.audit} {t('mode.audit')}
              </span>
            </Group>
          )
        },
      },
      {
        id: 'groups',
        header: t('policies.groups'),
        cell: ({ row }) => (row.original.groups?.length ? row.original.groups.join(', ') : <span className="dim">{t('policies.notAssigned')}</span>),
      },
      { id: 'revision', accessorKey: 'revision', header: t('policies.revision'), cell: ({ row }) => <span className="tabular">{row.original.revision}</span> },
      {
        id: 'updatedAt',
        accessorKey: 'updatedAt',
        header: t('policies.changed'),
        cell: ({ row: { original: p } }) => (
          <>
            <When at={p.updatedAt} /> <span className="dim">{p.updatedBy}</span>
          </>
        ),
      },
    ],
    [t],
  )
  return (
    <>
      <PageHeader
        title={t('nav.policies')}
        lead={t('policies.lead')}
        actions={
          mayWrite && (
            <Button leftSection={<IconPlus size={16} />} onClick={() => void open({ to: '/policies/-/new' })}>
              {t('policies.add')}
            </Button>
          )
        }
      />
      <Group mb="sm" role="search">
        <SearchField label={t('policies.search')} value={search.q} onChange={(q) => void navigate({ search: (s) => ({ ...s, q }), replace: true })} />
      </Group>
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
      {query.isPending && <Loading />}
      {all?.length === 0 && (
        <Empty icon={<IconShieldCog size={26} />} title={t('policies.none')}>
          {t('policies.noneHelp')}
        </Empty>
      )}
      {all && all.length > 0 && (
        <DataTable
          label={t('nav.policies')}
          rows={rows}
          columns={columns}
          rowKey={(p) => p.name}
          sort={search.sort}
          onSort={(sort) => void navigate({ search: (s) => ({ ...s, sort }), replace: true })}
          onRow={(p) => void open({ to: '/policies/$policy', params: { policy: p.name } })}
          fileName="limpet-policies"
        />
      )}
    </>
  )
}

function descriptionOf(p: Policy): string {
  return p.description || p.document?.metadata?.description || ''
}
