import { Anchor, Badge, Drawer, Group, Stack, Text } from '@mantine/core'
import { IconGitBranch } from '@tabler/icons-react'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { ciScansQuery, scanQuery, type Scan } from '../../api/inventory'
import { narrow, scanResults, type CIScansSearch } from '../../app/search'
import { Command } from '../../parts/Command'
import { Fact } from '../../parts/Fact'
import { FilterSelect } from '../../parts/FilterSelect'
import { AnchorLink, ButtonLink } from '../../parts/links'
import { Mono } from '../../parts/Mono'
import { PagedTable } from '../../parts/PagedTable'
import { PageHeader } from '../../parts/PageHeader'
import { IntegrityBadge, ResultBadge, Risk, SeverityBar } from '../../parts/risk'
import { SearchField } from '../../parts/SearchField'
import { Empty, Loading, ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'
import { Verdict } from '../images/Overview'

const route = getRouteApi('/shell/ci-scans')

export function CIScansPage() {
  const { t } = useTranslation()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const set = (part: Partial<CIScansSearch>) => void navigate({ search: (s) => narrow(s, part), replace: true })
  const query = useInfiniteQuery(ciScansQuery({ result: search.result, query: search.q }))
  const columns = useMemo<ColumnDef<Scan>[]>(
    () => [
      { id: 'build', header: t('inventory.build'), cell: ({ row: { original: s } }) => (
        <Stack gap={0} style={{ overflowWrap: 'anywhere' }}>
          <span>{s.pipeline?.repository || t('inventory.unknownBuild')} {s.pipeline?.build && <Text span size="xs" c="dimmed">#{s.pipeline.build}</Text>}</span>
          <Text size="xs" c="dimmed">{[systems[s.pipeline?.system ?? ''], s.pipeline?.branch].filter(Boolean).join(' · ')}</Text>
        </Stack>
      ) },
      { id: 'commit', header: t('inventory.commit'), cell: ({ row }) => <Mono value={row.original.pipeline?.commit} shown={row.original.pipeline?.commit?.slice(0, 10)} />, meta: { width: 110 } },
      { id: 'image', header: t('inventory.image'), cell: ({ row: { original: s } }) => <AnchorLink to="/images/$id" params={{ id: s.artifactId }} size="sm" style={{ overflowWrap: 'anywhere' }} onClick={(e) => e.stopPropagation()}>{s.name}</AnchorLink> },
      { id: 'verdict', header: t('inventory.verdict'), cell: ({ row: { original: s } }) => <Group gap={4}><ResultBadge result={s.result} />{s.integrity && <IntegrityBadge integrity={s.integrity} />}</Group> },
      { id: 'failed', header: t('inventory.failedControls'), cell: ({ row }) => <Group gap={4}>{(row.original.failed ?? []).slice(0, 4).map((c) => <Badge key={c} color="red">{c}</Badge>)}{(row.original.failed ?? []).length === 0 && <span className="dim">–</span>}</Group> },
      { id: 'found', header: t('nav.vulnerabilities'), cell: ({ row }) => <SeverityBar counts={row.original} />, meta: { width: 180 } },
      { id: 'at', header: t('inventory.scannedAt'), cell: ({ row }) => <When at={row.original.scannedAt} /> },
    ],
    [t],
  )
  const filtered = Boolean(search.result || search.q)
  return (
    <>
      <PageHeader title={t('nav.ciScans')} lead={t('inventory.ciLead')} />
      <Group gap="xs" mb="sm" role="search">
        <SearchField label={t('inventory.searchBuild')} value={search.q} onChange={(q) => set({ q })} />
        <FilterSelect label={t('inventory.verdict')} values={scanResults} name={(r) => t(`inventory.results.${r}`)} value={search.result} onChange={(result) => set({ result })} />
      </Group>
      <PagedTable
        query={query}
        label={t('nav.ciScans')}
        columns={columns}
        rowKey={(s) => s.id}
        onRow={(s) => set({ id: s.id })}
        rowButton
        empty={
          <Empty icon={<IconGitBranch size={26} />} title={filtered ? t('inventory.noneMatch') : t('inventory.noCI')}>
            {filtered ? t('inventory.noneMatchHelp') : (
              <Stack gap="xs">
                {t('inventory.noCIHelp')}
                <Command label={t('inventory.howToScan')} text={'limpet scan IMAGE --format json --output limpet.json\nlimpet check limpet.json --server ' + window.location.origin + ' --keep'} />
              </Stack>
            )}
          </Empty>
        }
      />
      <Drawer opened={search.id !== undefined} onClose={() => set({ id: undefined })} position="right" size="lg" title={t('inventory.ciScan')} closeButtonProps={{ 'aria-label': t('common.close') }}>
        {search.id && <Detail id={search.id} />}
      </Drawer>
    </>
  )
}

const systems: Record<string, string> = { github: 'GitHub Actions', gitlab: 'GitLab CI', jenkins: 'Jenkins', circleci: 'CircleCI', azure: 'Azure DevOps' }

function Detail({ id }: { id: string }) {
  const { t } = useTranslation()
  const query = useQuery(scanQuery(id))
  const s = query.data
  if (!s) return query.error ? <ProblemAlert error={query.error} onRetry={() => void query.refetch()} /> : <Loading />
  const p = s.pipeline ?? {}
  return (
    <Stack>
      <Group gap="xs"><ResultBadge result={s.result} />{s.integrity && <IntegrityBadge integrity={s.integrity} always />}<Risk value={s.risk} /></Group>
      <dl className="facts">
        <Fact name={t('inventory.image')}><Mono value={s.name} wrap copy /></Fact>
        <Fact name={t('inventory.ciSystem')}>{p.system && (systems[p.system] ?? p.system)}</Fact>
        <Fact name={t('inventory.repository')}>{p.repository}</Fact>
        <Fact name={t('inventory.branch')}>{p.branch}</Fact>
        <Fact name={t('inventory.commit')}>{p.commit && <Mono value={p.commit} wrap copy />}</Fact>
        <Fact name={t('inventory.build')}>{p.build}</Fact>
        <Fact name={t('inventory.pipeline')}>{p.url && /^https?:\/\//.test(p.url) && <Anchor href={p.url} target="_blank" rel="noreferrer noopener" size="sm" style={{ overflowWrap: 'anywhere' }}>{p.url}</Anchor>}</Fact>
        <Fact name={t('inventory.scannedBy')}>{s.scannedBy}</Fact>
        <Fact name={t('inventory.scannedAt')}><When at={s.scannedAt} /></Fact>
        <Fact name={t('inventory.database')}>{s.databaseBuilt && <When at={s.databaseBuilt} />}</Fact>
      </dl>
      <SeverityBar counts={s} />
      <Verdict verdict={s.verdict} />
      <Group><ButtonLink to="/images/$id" params={{ id: s.artifactId }} variant="default" size="xs">{t('inventory.openImage')}</ButtonLink></Group>
    </Stack>
  )
}
