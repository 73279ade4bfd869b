import { Button, Group, Text } from '@mantine/core'
import { IconPlus } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { policiesOfQuery } from '../../api/queries'
import type { Policy } from '../../api/types'
import type { PoliciesSearch } from '../../app/search'
import { useMay } from '../../app/session'
import { DataTable } from '../../parts/DataTable'
import { AnchorLink } from '../../parts/links'
import { PageHeader } from '../../parts/PageHeader'
import { SearchField } from '../../parts/SearchField'
import { Empty, Loading, ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'
import { countModes } from './document'
import type { PolicyKind } from './kind'

const tones = { enforce: 'limpet-6', block: 'red-6', warn: 'orange-6', audit: 'yellow-6' } as const

interface PolicyListProps {
  kind: PolicyKind
  search: PoliciesSearch
  change: (part: PoliciesSearch) => void
  icon: ReactNode
  lead: string
  none: string
  where: ColumnDef<Policy> // what tells where a policy holds
}

// PolicyList lists the policies of a kind.
export function PolicyList({ kind, search, change, icon, lead, none, where }: PolicyListProps) {
  const { t } = useTranslation()
  const open = useNavigate()
  const mayWrite = useMay('policies')
  const query = useQuery(policiesOfQuery(kind))
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
            <AnchorLink to={kind.one} params={{ policy: p.name }} size="sm" fw={600} onClick={(e) => e.stopPropagation()}>
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
              {(['enforce', 'block', 'warn', 'audit'] as const).filter((m) => kind.modes.includes(m)).map((m) => (
                <span className="nowrap" key={m}>
                  <span className="dot" style={{ color: `var(--mantine-color-${tones[m]})` }} /> {n[m]} {t(`mode.${m}`)}
                </span>
              ))}
            </Group>
          )
        },
      },
      where,
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
    [t, kind, where],
  )
  const title = t(`nav.${kind.id}`)
  return (
    <>
      <PageHeader
        title={title}
        lead={lead}
        actions={
          mayWrite && (
            <Button leftSection={<IconPlus size={16} />} onClick={() => void open({ to: kind.fresh })}>
              {t('policies.add')}
            </Button>
          )
        }
      />
      <Group mb="sm" role="search">
        <SearchField label={t('policies.search')} value={search.q} onChange={(q) => change({ q })} />
      </Group>
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
      {query.isPending && <Loading />}
      {all?.length === 0 && (
        <Empty icon={icon} title={t('policies.none')}>
          {none}
        </Empty>
      )}
      {all && all.length > 0 && (
        <DataTable
          label={title}
          rows={rows}
          columns={columns}
          rowKey={(p) => p.name}
          sort={search.sort}
          onSort={(sort) => change({ sort })}
          onRow={(p) => void open({ to: kind.one, params: { policy: p.name } })}
          fileName={`limpet-${kind.id}`}
        />
      )}
    </>
  )
}

function descriptionOf(p: Policy): string {
  return p.description || p.document?.metadata?.description || ''
}
