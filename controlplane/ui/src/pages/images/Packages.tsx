import { Group, Stack, Text } from '@mantine/core'
import { IconPackage } from '@tabler/icons-react'
import { useInfiniteQuery } from '@tanstack/react-query'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { packagesQuery, type InstalledPackage } from '../../api/inventory'
import type { ImageSearch } from '../../app/search'
import { FilterSelect } from '../../parts/FilterSelect'
import { AnchorLink } from '../../parts/links'
import { Mono } from '../../parts/Mono'
import { PagedTable } from '../../parts/PagedTable'
import { SearchField } from '../../parts/SearchField'
import { Empty } from '../../parts/states'
import { InUse, UseFilter } from './InUse'

const types = ['deb', 'rpm', 'apk', 'npm', 'pypi', 'maven', 'golang', 'gem', 'cargo', 'composer', 'nuget', 'generic'] as const

export function Packages({ id, q, type, inUse, set }: { id: string; q?: string; type?: string; inUse?: ImageSearch['inUse']; set: (part: Partial<ImageSearch>) => void }) {
  const { t, i18n } = useTranslation()
  const query = useInfiniteQuery(packagesQuery(id, { query: q, type, inUse }))
  const columns = useMemo<ColumnDef<InstalledPackage>[]>(
    () => [
      { id: 'name', header: t('inventory.package'), cell: ({ row: { original: p } }) => (
        <Stack gap={0} style={{ overflowWrap: 'anywhere' }}>
          <AnchorLink to="/images" search={{ package: p.name }} size="sm" title={t('inventory.otherImages')}>{p.name}</AnchorLink>
          <Text size="xs" c="dimmed">{p.type}{p.owner && ` · ${t('inventory.ownedBy', { name: p.owner })}`}</Text>
          <InUse use={p.inUse} evidence={p.evidence} />
        </Stack>
      ) },
      { id: 'version', header: t('inventory.version'), cell: ({ row }) => <Mono value={row.original.version} wrap /> },
      { id: 'found', header: t('nav.vulnerabilities'), cell: ({ row }) => <span className="tabular">{row.original.vulnerabilities ? row.original.vulnerabilities.toLocaleString(i18n.language) : '–'}</span> },
      { id: 'licences', header: t('inventory.licences'), cell: ({ row }) => <Text size="xs" style={{ overflowWrap: 'anywhere' }} lineClamp={2}>{row.original.licences || '–'}</Text> },
      { id: 'path', header: t('inventory.path'), cell: ({ row }) => <Mono value={row.original.path} wrap /> },
      { id: 'layer', header: t('inventory.layer'), cell: ({ row }) => <span className="tabular">{row.original.layer < 0 ? '–' : row.original.layer}</span>, meta: { width: 70 } },
    ],
    [t, i18n.language],
  )
  return (
    <>
      <Group gap="xs" mb="sm" role="search">
        <SearchField label={t('inventory.searchPackage')} value={q} onChange={(v) => set({ q: v })} />
        <FilterSelect label={t('inventory.type')} values={types} value={type} onChange={(v) => set({ type: v })} />
        <UseFilter value={inUse} onChange={(v) => set({ inUse: v })} />
      </Group>
      <PagedTable query={query} label={t('inventory.packages')} columns={columns} rowKey={(p) => p.id}
        empty={<Empty icon={<IconPackage size={26} />} title={q || type || inUse ? t('inventory.noneMatch') : t('inventory.noPackages')}>{q || type || inUse ? t('inventory.noneMatchHelp') : t('inventory.noPackagesHelp')}</Empty>} />
    </>
  )
}
