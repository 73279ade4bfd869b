import { Grid, Group, Paper, Select, Stack, Text, Title } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { artifactsQuery, compareQuery, type ArtifactDetail, type Change, type Scan } from '../../api/inventory'
import { DataTable } from '../../parts/DataTable'
import { useRows } from '../../parts/PagedTable'
import { ResultBadge, Risk, SeverityBadge, SeverityBar } from '../../parts/risk'
import { Loading, ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'

// History lists the scans of an artefact, and compares: two scans, or this
// artefact with another of its repository.
export function History({ artifact: a, other, onOther }: { artifact: ArtifactDetail; other?: string; onOther: (id?: string) => void }) {
  const { t } = useTranslation()
  const [scan, setScan] = useState<Scan>()
  const siblings = useRows(useInfiniteQuery({ ...artifactsQuery({ repository: a.repository }), enabled: Boolean(a.repository) })).filter((x) => x.id !== a.id)
  const before = scan && a.scans[a.scans.findIndex((s) => s.id === scan.id) + 1]
  return (
    <Stack>
      <DataTable
        label={t('inventory.tabs.history')}
        rows={a.scans}
        rowKey={(s) => s.id}
        onRow={(s) => setScan(s)}
        rowButton
        columns={[
          { id: 'at', header: t('inventory.scannedAt'), cell: ({ row }) => <When at={row.original.scannedAt} /> },
          { id: 'by', header: t('inventory.scannedBy'), cell: ({ row: { original: s } }) => <span>{s.scannedBy} <Text span size="xs" c="dimmed">{t(`inventory.sources.${s.source as 'cli'}`, { defaultValue: s.source })}</Text></span> },
          { id: 'database', header: t('inventory.database'), cell: ({ row }) => <When at={row.original.databaseBuilt} /> },
          { id: 'risk', header: t('inventory.risk'), cell: ({ row }) => <Risk value={row.original.risk} /> },
          { id: 'found', header: t('nav.vulnerabilities'), cell: ({ row }) => <SeverityBar counts={row.original} />, meta: { width: 210 } },
          { id: 'verdict', header: t('inventory.verdict'), cell: ({ row }) => <ResultBadge result={row.original.result} /> },
        ]}
      />
      {scan && (before ? <Compared title={t('inventory.sinceBefore')} id={a.id} filter={{ scan: before.id, withScan: scan.id }} /> : <Text size="sm" c="dimmed">{t('inventory.firstScan')}</Text>)}
      {siblings.length > 0 && (
        <Select
          w={420}
          label={t('inventory.compareWith')}
          description={t('inventory.compareHelp')}
          data={siblings.map((s) => ({ value: s.id, label: `${s.name.slice((a.repository ?? '').length) || s.name} · ${(s.digest ?? '').slice(7, 19)}` }))}
          value={other ?? null}
          onChange={(v) => onOther(v ?? undefined)}
          searchable
          clearable
        />
      )}
      {other && <Compared title={t('inventory.inTheOther')} id={a.id} filter={{ with: other }} />}
    </Stack>
  )
}

function Compared({ title, id, filter }: { title: string; id: string; filter: { scan?: string; with?: string; withScan?: string } }) {
  const { t } = useTranslation()
  const query = useQuery(compareQuery(id, filter))
  if (!query.data) return query.error ? <ProblemAlert error={query.error} onRetry={() => void query.refetch()} /> : <Loading rows={4} />
  const { added, fixed, packages, totals } = query.data
  return (
    <Paper p="md" component="section">
      <Title order={2} mb="xs">{title}</Title>
      <Text size="sm" c="dimmed" mb="sm">{t('inventory.compareTotals', { added: totals.added, fixed: totals.fixed, same: totals.same })}</Text>
      <Grid gap="md">
        <Grid.Col span={{ base: 12, md: 6 }}><Changes title={t('inventory.added')} rows={added} /></Grid.Col>
        <Grid.Col span={{ base: 12, md: 6 }}><Changes title={t('inventory.fixed')} rows={fixed} /></Grid.Col>
      </Grid>
      <Text size="sm" fw={600} mt="md" mb={4}>{t('inventory.changedPackages', { count: totals.packages })}</Text>
      {packages.slice(0, 50).map((p) => (
        <Text key={`${p.type} ${p.name}`} size="xs" ff="monospace" style={{ overflowWrap: 'anywhere' }}>{p.name} {p.from.join(', ') || '–'} → {p.to.join(', ') || '–'}</Text>
      ))}
    </Paper>
  )
}

function Changes({ title, rows }: { title: string; rows: Change[] }) {
  const { t } = useTranslation()
  return (
    <>
      <Text size="sm" fw={600} mb={4}>{title}</Text>
      {rows.length === 0 && <Text size="sm" c="dimmed">{t('inventory.noneFound')}</Text>}
      <Stack gap={4}>
        {rows.slice(0, 50).map((c) => (
          <Group key={`${c.id} ${c.package} ${c.type}`} gap="xs" wrap="nowrap">
            <SeverityBadge severity={c.severity} />
            <Text size="sm" style={{ overflowWrap: 'anywhere' }}>{c.id} · {c.package} {c.version}</Text>
          </Group>
        ))}
      </Stack>
    </>
  )
}
