import { Button, Group, Text } from '@mantine/core'
import { IconCertificate, IconPlus } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { policiesOfQuery } from '../../api/queries'
import type { Policy } from '../../api/types'
import { useMay } from '../../app/session'
import { DataTable } from '../../parts/DataTable'
import { AnchorLink } from '../../parts/links'
import { PageHeader } from '../../parts/PageHeader'
import { SearchField } from '../../parts/SearchField'
import { Empty, Loading, ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'
import { countModes } from '../policies/document'
import { isObject } from '../policies/fields'
import { assuranceKind } from '../policies/kind'

const route = getRouteApi('/shell/assurance')

const tones = { block: 'red-6', warn: 'orange-6', audit: 'yellow-6' } as const

export function AssurancePage() {
  const { t } = useTranslation()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const open = useNavigate()
  const mayWrite = useMay('policies')
  const query = useQuery(policiesOfQuery(assuranceKind))
  const all = query.data?.items
  const rows = useMemo(() => {
    const needle = search.q?.toLowerCase()
    return (all ?? []).filter((p) => !needle || `${p.name} ${p.description ?? ''}`.toLowerCase().includes(needle))
  }, [all, search.q])
  const columns = useMemo<ColumnDef<Policy>[]>(
    () => [
      {
        id: 'name',
        accessorKey: 'name',
        header: t('common.name'),
        cell: ({ row: { original: p } }) => (
          <>
            <AnchorLink to="/assurance/$policy" params={{ policy: p.name }} size="sm" fw={600} onClick={(e) => e.stopPropagation()}>
              {p.name}
            </AnchorLink>
            <Text size="xs" c="dimmed" lineClamp={1}>
              {p.description}
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
              {(['block', 'warn', 'audit'] as const).map((m) => (
                <span className="nowrap" key={m}>
                  <span className="dot" style={{ color: `var(--mantine-color-${tones[m]})` }} /> {n[m]} {t(`mode.${m}`)}
                </span>
              ))}
            </Group>
          )
        },
      },
      { id: 'scope', header: t('assurance.scope'), cell: ({ row }) => <Text size="xs" ff="monospace">{scopeOf(row.original) || <span className="dim">{t('assurance.everything')}</span>}</Text> },
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
        title={t('nav.assurance')}
        lead={t('assurance.lead')}
        actions={
          mayWrite && (
            <Button leftSection={<IconPlus size={16} />} onClick={() => void open({ to: '/assurance/-/new' })}>
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
        <Empty icon={<IconCertificate size={26} />} title={t('policies.none')}>
          {t('assurance.noneHelp')}
        </Empty>
      )}
      {all && all.length > 0 && (
        <DataTable
          label={t('nav.assurance')}
          rows={rows}
          columns={columns}
          rowKey={(p) => p.name}
          sort={search.sort}
          onSort={(sort) => void navigate({ search: (s) => ({ ...s, sort }), replace: true })}
          onRow={(p) => void open({ to: '/assurance/$policy', params: { policy: p.name } })}
          fileName="limpet-assurance"
        />
      )}
    </>
  )
}

// scopeOf says in a line which artefacts a policy is for.
export function scopeOf(p: Policy): string {
  const scope = isObject(p.document?.spec?.scope) ? p.document.spec.scope : {}
  const list = (v: unknown) => (Array.isArray(v) ? v.map(String) : [])
  const labels = isObject(scope.labels) ? Object.entries(scope.labels).map(([k, v]) => `${k}=${String(v)}`) : []
  return [...list(scope.images), ...labels, ...list(scope.kinds), ...list(scope.stages)].join(', ')
}
