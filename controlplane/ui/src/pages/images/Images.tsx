import { Badge, Group, SegmentedControl, Stack, Switch, Text } from '@mantine/core'
import { IconBox } from '@tabler/icons-react'
import { useInfiniteQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { artifactsQuery, repositoriesQuery, type Artifact, type Repository } from '../../api/inventory'
import { artifactKinds, narrow, scanResults, severityFilter, type ImagesSearch } from '../../app/search'
import { useMay } from '../../app/session'
import { Command } from '../../parts/Command'
import { FilterSelect } from '../../parts/FilterSelect'
import { AnchorLink, ButtonLink } from '../../parts/links'
import { Digest } from '../../parts/Mono'
import { PagedTable } from '../../parts/PagedTable'
import { PageHeader } from '../../parts/PageHeader'
import { Downloads, IntegrityBadge, ResultBadge, Risk, SeverityBar, sheetFormats } from '../../parts/risk'
import { SearchField } from '../../parts/SearchField'
import { Empty } from '../../parts/states'
import { When } from '../../parts/When'

const route = getRouteApi('/shell/images')

export function ImagesPage() {
  const { t } = useTranslation()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const set = (part: Partial<ImagesSearch>) => void navigate({ search: (s) => narrow(s, part), replace: true })
  const filter = {
    kind: search.kind, result: search.result, severity: search.severity, repository: search.repository, running: search.running, package: search.package, query: search.q, sort: search.sort,
  }
  const mayScan = useMay('scans')
  const mayAdd = useMay('registries', 'read') && mayScan
  const repositories = search.view === 'repositories'
  return (
    <>
      <PageHeader title={t('nav.images')} lead={t('inventory.imagesLead')} actions={
        <>
          {mayAdd && <ButtonLink to="/add-images" size="xs" variant="default">{t('addImages.title')}</ButtonLink>}
          <Downloads path="/artifacts/export" formats={sheetFormats} query={filter} />
        </>
      } />
      <Group gap="xs" mb="sm" role="search">
        <SegmentedControl
          size="xs"
          value={search.view ?? 'images'}
          onChange={(v) => set({ view: v === 'images' ? undefined : 'repositories' })}
          data={[{ value: 'images', label: t('nav.images') }, { value: 'repositories', label: t('inventory.repositories') }]}
          aria-label={t('inventory.view')}
        />
        <SearchField label={t('inventory.searchName')} value={search.q} onChange={(q) => set({ q })} width={200} />
        {!repositories && (
          <>
            <FilterSelect label={t('inventory.kind')} values={artifactKinds} name={(k) => t(`inventory.kinds.${k}`)} value={search.kind} onChange={(kind) => set({ kind })} width={130} />
            <FilterSelect label={t('inventory.verdict')} values={scanResults} name={(r) => t(`inventory.results.${r}`)} value={search.result} onChange={(result) => set({ result })} width={130} />
            <FilterSelect label={t('inventory.severity')} values={severityFilter} name={(s) => t(`inventory.severities.${s}`)} value={search.severity} onChange={(severity) => set({ severity })} width={130} />
            <Switch size="xs" label={t('inventory.onlyRunning')} checked={search.running ?? false} onChange={(e) => set({ running: e.currentTarget.checked || undefined })} />
            <Switch size="xs" label={t('inventory.byRisk')} checked={search.sort === 'risk'} onChange={(e) => set({ sort: e.currentTarget.checked ? 'risk' : undefined })} />
            {search.repository && <Chosen text={search.repository} onClear={() => set({ repository: undefined })} />}
            {search.package && <Chosen text={search.package} onClear={() => set({ package: undefined })} />}
          </>
        )}
      </Group>
      {repositories ? <Repositories q={search.q} /> : <ArtifactTable filter={filter} filtered={Object.values(filter).some(Boolean)} />}
    </>
  )
}

function Chosen({ text, onClear }: { text: string; onClear: () => void }) {
  const { t } = useTranslation()
  return (
    <Badge variant="default" ff="monospace" fw={400} rightSection={<button type="button" className="chosen-clear" onClick={onClear} aria-label={t('inventory.clear', { name: text })}>×</button>}>
      {text}
    </Badge>
  )
}

function ArtifactTable({ filter, filtered }: { filter: Record<string, string | boolean | undefined>; filtered: boolean }) {
  const { t, i18n } = useTranslation()
  const query = useInfiniteQuery(artifactsQuery(filter))
  const columns = useMemo<ColumnDef<Artifact>[]>(
    () => [
      { id: 'name', header: t('common.name'), cell: ({ row: { original: a } }) => (
        <Stack gap={0} style={{ overflowWrap: 'anywhere' }}>
          <AnchorLink to="/images/$id" params={{ id: a.id }} size="sm" fw={500}>{a.name}</AnchorLink>
          <Text size="xs" c="dimmed" component="span">
            {a.kind !== 'image' && <>{t(`inventory.kinds.${a.kind as 'image'}`)} · </>}
            {[a.os, a.platform].filter(Boolean).join(' · ')} {a.digest && <Digest value={a.digest} />}
          </Text>
        </Stack>
      ) },
      { id: 'risk', header: t('inventory.risk'), cell: ({ row }) => <Risk value={row.original.risk} />, meta: { width: 100 } },
      { id: 'vulnerabilities', header: t('nav.vulnerabilities'), cell: ({ row }) => <SeverityBar counts={row.original.vulnerabilities} />, meta: { width: 210 } },
      { id: 'verdict', header: t('inventory.verdict'), cell: ({ row }) => (
        <Group gap={4}>
          <ResultBadge result={row.original.result} />
          <IntegrityBadge integrity={row.original.integrity} />
        </Group>
      ) },
      { id: 'running', header: t('inventory.running'), cell: ({ row }) => <span className="tabular">{row.original.running ? row.original.running.toLocaleString(i18n.language) : '–'}</span> },
      { id: 'first', header: t('inventory.firstSeen'), cell: ({ row }) => <When at={row.original.firstSeen} /> },
      { id: 'scanned', header: t('inventory.lastScan'), cell: ({ row }) => <When at={row.original.scannedAt} /> },
    ],
    [t, i18n.language],
  )
  return (
    <PagedTable
      query={query}
      label={t('nav.images')}
      columns={columns}
      rowKey={(a) => a.id}
      empty={
        <Empty icon={<IconBox size={26} />} title={filtered ? t('inventory.noneMatch') : t('inventory.none')}>
          {filtered ? t('inventory.noneMatchHelp') : (
            <Stack gap="xs">
              {t('inventory.noneHelp')}
              <Command label={t('inventory.howToScan')} text={'limpet scan IMAGE --format json --output report.json\nlimpet check report.json --server ' + window.location.origin + ' --api-token-file token --keep'} />
            </Stack>
          )}
        </Empty>
      }
    />
  )
}

function Repositories({ q }: { q?: string }) {
  const { t, i18n } = useTranslation()
  const query = useInfiniteQuery(repositoriesQuery(q))
  const columns = useMemo<ColumnDef<Repository>[]>(
    () => [
      { id: 'name', header: t('inventory.repository'), cell: ({ row: { original: r } }) => (
        <AnchorLink to="/images" search={{ repository: r.name }} size="sm" fw={500} style={{ overflowWrap: 'anywhere' }}>{r.name}</AnchorLink>
      ) },
      { id: 'images', header: t('inventory.images'), cell: ({ row }) => <span className="tabular">{row.original.artifacts.toLocaleString(i18n.language)}</span> },
      { id: 'failing', header: t('inventory.failing'), cell: ({ row }) => <span className="tabular">{row.original.failing.toLocaleString(i18n.language)}</span> },
      { id: 'newest', header: t('inventory.newest'), cell: ({ row: { original: r } }) => (
        <AnchorLink to="/images/$id" params={{ id: r.newest.id }} size="sm">{r.newest.name.slice(r.name.length) || r.newest.digest?.slice(0, 19) || r.newest.name}</AnchorLink>
      ) },
      { id: 'risk', header: t('inventory.risk'), cell: ({ row }) => <Risk value={row.original.newest.risk} /> },
      { id: 'vulnerabilities', header: t('nav.vulnerabilities'), cell: ({ row }) => <SeverityBar counts={row.original.newest.vulnerabilities} />, meta: { width: 210 } },
      { id: 'verdict', header: t('inventory.verdict'), cell: ({ row }) => <ResultBadge result={row.original.newest.result} /> },
      { id: 'scanned', header: t('inventory.lastScan'), cell: ({ row }) => <When at={row.original.newest.scannedAt} /> },
    ],
    [t, i18n.language],
  )
  return (
    <PagedTable query={query} label={t('inventory.repositories')} columns={columns} rowKey={(r) => r.name}
      empty={<Empty icon={<IconBox size={26} />} title={t('inventory.noneMatch')}>{t('inventory.noneMatchHelp')}</Empty>} />
  )
}
