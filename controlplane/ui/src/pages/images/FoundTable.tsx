import { Accordion, Drawer, Group, Stack, Switch, Text } from '@mantine/core'
import { IconShieldCheck } from '@tabler/icons-react'
import { useInfiniteQuery } from '@tanstack/react-query'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { foundQuery, type Found, type LayerView, type Suppressed } from '../../api/inventory'
import type { ImageSearch } from '../../app/search'
import { FilterSelect } from '../../parts/FilterSelect'
import { Mono } from '../../parts/Mono'
import { PagedTable } from '../../parts/PagedTable'
import { Chance, KEV, severities, SeverityBadge } from '../../parts/risk'
import { SearchField } from '../../parts/SearchField'
import { Empty } from '../../parts/states'
import { When } from '../../parts/When'
import { Explain } from './Explain'
import { InUse, UseFilter } from './InUse'

interface Props {
  id: string
  search: ImageSearch
  set: (part: Partial<ImageSearch>) => void
  layers?: LayerView[]
  suppressed?: Suppressed[]
}

// FoundTable lists the vulnerabilities of an artefact; a row opens all that is
// known of it.
export function FoundTable({ id, search, set, layers, suppressed }: Props) {
  const { t } = useTranslation()
  const query = useInfiniteQuery(foundQuery(id, { severity: search.severity, fixable: search.fixable, kev: search.kev, layer: search.layer, inUse: search.inUse, query: search.q }))
  const columns = useMemo<ColumnDef<Found>[]>(
    () => [
      { id: 'id', header: t('inventory.vulnerability'), cell: ({ row: { original: v } }) => (
        <Stack gap={0}>
          <Group gap={6} wrap="nowrap"><Mono value={v.id} />{v.kev && <KEV />}</Group>
          <Text size="xs" c="dimmed" lineClamp={2} lang="en">{v.title}</Text>
        </Stack>
      ) },
      { id: 'severity', header: t('inventory.severity'), cell: ({ row }) => <SeverityBadge severity={row.original.severity} />, meta: { width: 100 } },
      { id: 'score', header: 'CVSS', cell: ({ row }) => <span className="tabular">{row.original.score || '–'}</span>, meta: { width: 60 } },
      { id: 'epss', header: 'EPSS', cell: ({ row }) => <Chance value={row.original.epss} />, meta: { width: 64 } },
      { id: 'package', header: t('inventory.package'), cell: ({ row: { original: v } }) => (
        <Stack gap={0} style={{ overflowWrap: 'anywhere' }}>
          <span>{v.package} <Text span size="xs" c="dimmed">{v.packageType}</Text></span>
          <Text size="xs" c="dimmed" ff="monospace">{v.packageVersion}</Text>
          <InUse use={v.inUse} />
        </Stack>
      ) },
      { id: 'fixed', header: t('inventory.fix'), cell: ({ row }) => (row.original.fixedVersion ? <Mono value={row.original.fixedVersion} wrap /> : <span className="dim">{t('inventory.noFix')}</span>) },
      { id: 'layer', header: t('inventory.layer'), cell: ({ row: { original: v } }) => (v.layer < 0 ? <span className="dim">–</span> : <span className="nowrap">{v.layer}{layers?.[v.layer]?.base && <Text span size="xs" c="dimmed"> {t('inventory.baseShort')}</Text>}</span>), meta: { width: 80 } },
      { id: 'first', header: t('inventory.firstSeen'), cell: ({ row }) => <When at={row.original.firstSeen} /> },
    ],
    [t, layers],
  )
  const filtered = Boolean(search.severity || search.fixable || search.kev || search.layer !== undefined || search.inUse || search.q)
  return (
    <>
      <Group gap="xs" mb="sm" role="search">
        <SearchField label={t('inventory.searchFound')} value={search.q} onChange={(q) => set({ q })} />
        <FilterSelect label={t('inventory.severity')} values={severities} name={(s) => t(`inventory.severities.${s}`)} value={search.severity} onChange={(severity) => set({ severity })} />
        {(layers?.length ?? 0) > 0 && (
          <FilterSelect label={t('inventory.layer')} values={(layers ?? []).map((l) => String(l.index))} name={(l) => t('inventory.layerNumber', { number: l })} value={search.layer?.toString()} onChange={(l) => set({ layer: l === undefined ? undefined : Number(l) })} />
        )}
        <UseFilter value={search.inUse} onChange={(inUse) => set({ inUse })} />
        <Switch size="xs" label={t('inventory.onlyFixable')} checked={search.fixable ?? false} onChange={(e) => set({ fixable: e.currentTarget.checked || undefined })} />
        <Switch size="xs" label={t('inventory.onlyExploited')} checked={search.kev ?? false} onChange={(e) => set({ kev: e.currentTarget.checked || undefined })} />
      </Group>
      <PagedTable
        query={query}
        label={t('nav.vulnerabilities')}
        columns={columns}
        rowKey={(v) => `${v.id} ${v.packageId}`}
        onRow={(v) => set({ finding: v.id, package: v.packageId })}
        rowButton
        empty={<Empty icon={<IconShieldCheck size={26} />} title={filtered ? t('inventory.noneMatch') : t('inventory.noneFound')}>{filtered ? t('inventory.noneMatchHelp') : t('inventory.noneFoundHelp')}</Empty>}
      />
      {(suppressed?.length ?? 0) > 0 && (
        <Accordion mt="md" variant="contained">
          <Accordion.Item value="suppressed">
            <Accordion.Control>{t('inventory.suppressed', { count: suppressed?.length ?? 0 })}</Accordion.Control>
            <Accordion.Panel>
              <Stack gap={4}>
                {suppressed?.slice(0, 200).map((s, i) => (
                  <Text key={i} size="sm" style={{ overflowWrap: 'anywhere' }}>
                    <code>{s.id}</code> {s.name} {s.version} · {s.by} · <span lang="en">{s.reason}</span> {[s.owner, s.expires].filter(Boolean).join(', ')}
                  </Text>
                ))}
              </Stack>
            </Accordion.Panel>
          </Accordion.Item>
        </Accordion>
      )}
      <Drawer opened={search.finding !== undefined} onClose={() => set({ finding: undefined, package: undefined })} position="right" size="lg" title={search.finding} closeButtonProps={{ 'aria-label': t('common.close') }}>
        {search.finding && <Explain id={id} vulnerability={search.finding} pkg={search.package} />}
      </Drawer>
    </>
  )
}
