import { Group, Stack, Switch, Text } from '@mantine/core'
import { IconBug } from '@tabler/icons-react'
import { useInfiniteQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { vulnerabilitiesQuery, type Vulnerability } from '../../api/inventory'
import { narrow, type VulnerabilitiesSearch } from '../../app/search'
import { FilterSelect } from '../../parts/FilterSelect'
import { AnchorLink } from '../../parts/links'
import { PagedTable } from '../../parts/PagedTable'
import { PageHeader } from '../../parts/PageHeader'
import { Chance, Downloads, KEV, severities, SeverityBadge, sheetFormats } from '../../parts/risk'
import { SearchField } from '../../parts/SearchField'
import { Empty } from '../../parts/states'
import { When } from '../../parts/When'

const route = getRouteApi('/shell/vulnerabilities')

export function VulnerabilitiesPage() {
  const { t, i18n } = useTranslation()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const set = (part: Partial<VulnerabilitiesSearch>) => void navigate({ search: (s) => narrow(s, part), replace: true })
  const filter = { severity: search.severity, kev: search.kev, fixable: search.fixable, running: search.running, query: search.q }
  const query = useInfiniteQuery(vulnerabilitiesQuery(filter))
  const columns = useMemo<ColumnDef<Vulnerability>[]>(
    () => [
      { id: 'id', header: t('inventory.vulnerability'), cell: ({ row: { original: v } }) => (
        <Stack gap={0}>
          <Group gap={6} wrap="nowrap"><AnchorLink to="/vulnerabilities/$id" params={{ id: v.id }} size="sm" fw={500} ff="monospace" className="nowrap">{v.id}</AnchorLink>{v.kev && <KEV />}</Group>
          <Text size="xs" c="dimmed" lineClamp={2} lang="en">{v.title}</Text>
        </Stack>
      ) },
      { id: 'severity', header: t('inventory.severity'), cell: ({ row }) => <SeverityBadge severity={row.original.severity} />, meta: { width: 110 } },
      { id: 'score', header: 'CVSS', cell: ({ row }) => <span className="tabular">{row.original.score || '–'}</span>, meta: { width: 64 } },
      { id: 'epss', header: 'EPSS', cell: ({ row }) => <Chance value={row.original.epss} />, meta: { width: 72 } },
      { id: 'fix', header: t('inventory.fix'), cell: ({ row }) => (row.original.fixable ? t('inventory.hasFix') : <span className="dim">{t('inventory.noFix')}</span>) },
      { id: 'artifacts', header: t('nav.images'), cell: ({ row }) => <span className="tabular">{row.original.artifacts.toLocaleString(i18n.language)}</span> },
      { id: 'running', header: t('inventory.workloads'), cell: ({ row }) => <span className="tabular">{row.original.running ? row.original.running.toLocaleString(i18n.language) : '–'}</span> },
      { id: 'first', header: t('inventory.firstSeen'), cell: ({ row }) => <When at={row.original.firstSeen} /> },
    ],
    [t, i18n.language],
  )
  const filtered = Object.values(filter).some(Boolean)
  return (
    <>
      <PageHeader title={t('nav.vulnerabilities')} lead={t('inventory.vulnerabilitiesLead')} actions={<Downloads path="/vulnerabilities/export" formats={sheetFormats} query={filter} />} />
      <Group gap="xs" mb="sm" role="search">
        <SearchField label={t('inventory.searchId')} value={search.q} onChange={(q) => set({ q })} />
        <FilterSelect label={t('inventory.severity')} values={severities} name={(s) => t(`inventory.severities.${s}`)} value={search.severity} onChange={(severity) => set({ severity })} />
        <Switch size="xs" label={t('inventory.onlyRunning')} checked={search.running ?? false} onChange={(e) => set({ running: e.currentTarget.checked || undefined })} />
        <Switch size="xs" label={t('inventory.onlyFixable')} checked={search.fixable ?? false} onChange={(e) => set({ fixable: e.currentTarget.checked || undefined })} />
        <Switch size="xs" label={t('inventory.onlyExploited')} checked={search.kev ?? false} onChange={(e) => set({ kev: e.currentTarget.checked || undefined })} />
      </Group>
      <PagedTable
        query={query}
        label={t('nav.vulnerabilities')}
        columns={columns}
        rowKey={(v) => v.id}
        empty={<Empty icon={<IconBug size={26} />} title={filtered ? t('inventory.noneMatch') : t('inventory.noVulnerabilities')}>{filtered ? t('inventory.noneMatchHelp') : t('inventory.noVulnerabilitiesHelp')}</Empty>}
      />
    </>
  )
}
