import { Badge, Stack, Text } from '@mantine/core'
import { IconShieldCheck } from '@tabler/icons-react'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { Contents, LayerView, Place, Severity } from '../../api/inventory'
import { DataTable } from '../../parts/DataTable'
import { Digest, Mono } from '../../parts/Mono'
import { SeverityBadge, SeverityBar } from '../../parts/risk'
import { Empty } from '../../parts/states'
import { size } from './format'

// LayerTable is the history of an image with what each step brought.
export function LayerTable({ layers, onLayer }: { layers: LayerView[]; onLayer: (layer: number) => void }) {
  const { t, i18n } = useTranslation()
  const columns = useMemo<ColumnDef<LayerView>[]>(
    () => [
      { id: 'index', header: '#', cell: ({ row }) => <span className="tabular">{row.original.index}</span>, meta: { width: 40 } },
      { id: 'by', header: t('inventory.instruction'), cell: ({ row: { original: l } }) => (
        <Stack gap={2}>
          <Text size="xs" ff="monospace" lineClamp={3} style={{ overflowWrap: 'anywhere' }}>{l.createdBy || t('inventory.unknownStep')}</Text>
          <span><Digest value={l.diffID} /> {l.base && <Badge color="gray">{t('inventory.baseShort')}</Badge>}</span>
        </Stack>
      ) },
      { id: 'size', header: t('inventory.size'), cell: ({ row }) => <span className="tabular nowrap">{size(row.original.size ?? 0, i18n.language)}</span> },
      { id: 'packages', header: t('inventory.packages'), cell: ({ row }) => <span className="tabular">{row.original.packages.toLocaleString(i18n.language)}</span> },
      { id: 'found', header: t('nav.vulnerabilities'), cell: ({ row }) => <SeverityBar counts={row.original.vulnerabilities} />, meta: { width: 210 } },
      { id: 'secrets', header: t('inventory.tabs.secrets'), cell: ({ row }) => <span className="tabular">{row.original.secrets || '–'}</span> },
      { id: 'malware', header: t('inventory.tabs.malware'), cell: ({ row }) => <span className="tabular">{row.original.malware || '–'}</span> },
    ],
    [t, i18n.language],
  )
  if (layers.length === 0) return <Empty icon={<IconShieldCheck size={26} />} title={t('inventory.noLayers')}>{t('inventory.noLayersHelp')}</Empty>
  return <DataTable label={t('inventory.tabs.layers')} rows={layers} columns={columns} rowKey={(l) => String(l.index)} onRow={(l) => onLayer(l.index)} rowButton />
}

interface Row { id: string; severity: Severity; text: string; detail?: string; advice?: string; place?: Place }

// Findings lists what was found in files: secrets, malware, failed checks.
export function Findings({ what, rows, total, layers }: { what: 'secrets' | 'malware' | 'misconfiguration'; rows: Row[]; total?: number; layers: LayerView[] }) {
  const { t } = useTranslation()
  const columns = useMemo<ColumnDef<Row>[]>(
    () => [
      { id: 'severity', header: t('inventory.severity'), cell: ({ row }) => <SeverityBadge severity={row.original.severity} />, meta: { width: 110 } },
      { id: 'what', header: t('inventory.what'), cell: ({ row: { original: r } }) => (
        <Stack gap={0}>
          <span lang="en">{r.text}</span>
          <Text size="xs" c="dimmed" ff="monospace">{r.id}</Text>
        </Stack>
      ) },
      { id: 'detail', header: t(what === 'secrets' ? 'inventory.masked' : 'inventory.seen'), cell: ({ row: { original: r } }) => (
        <Stack gap={2} style={{ overflowWrap: 'anywhere' }}>
          {what === 'misconfiguration' ? <span lang="en">{r.detail}</span> : r.detail && <Mono value={r.detail} wrap />}
          {r.advice && <Text size="xs" c="dimmed" lang="en">{r.advice}</Text>}
        </Stack>
      ) },
      { id: 'path', header: t('inventory.path'), cell: ({ row: { original: r } }) => {
        const layer = layers.find((l) => l.diffID === r.place?.layer && r.place.layer !== '')
        return (
          <Stack gap={0}>
            {r.place?.path ? <Mono value={[r.place.path, r.place.inside].filter(Boolean).join(' → ') + (r.place.line ? `:${r.place.line}` : '')} wrap /> : <span className="dim">–</span>}
            {layer && <Text size="xs" c="dimmed">{t('inventory.layerNumber', { number: layer.index })}</Text>}
          </Stack>
        )
      } },
    ],
    [t, what, layers],
  )
  if (rows.length === 0) return <Empty icon={<IconShieldCheck size={26} />} title={t(`inventory.empty.${what}`)}>{t(`inventory.emptyHelp.${what}`)}</Empty>
  return <DataTable label={t(`inventory.tabs.${what}`)} rows={rows} columns={columns} rowKey={(r) => `${r.id} ${r.place?.path ?? ''} ${r.place?.line ?? 0} ${rows.indexOf(r)}`} fileName={`limpet-${what}`} total={total} />
}

const danger: Record<string, string> = { permissive: 'limpet', 'weak-copyleft': 'yellow', copyleft: 'orange', 'network-copyleft': 'red', restricted: 'red' }

export function Licences({ rows }: { rows: Contents['licences'] }) {
  const { t, i18n } = useTranslation()
  const columns = useMemo<ColumnDef<Contents['licences'][number]>[]>(
    () => [
      { id: 'name', header: t('inventory.licence'), cell: ({ row }) => <span style={{ overflowWrap: 'anywhere' }}>{row.original.name}</span> },
      { id: 'category', header: t('inventory.category'), cell: ({ row }) => <Badge color={danger[row.original.category] ?? 'gray'}>{t(`inventory.categories.${row.original.category as 'permissive'}`, { defaultValue: row.original.category })}</Badge> },
      { id: 'count', header: t('inventory.underIt'), cell: ({ row }) => <span className="tabular">{row.original.count.toLocaleString(i18n.language)}</span> },
      { id: 'examples', header: t('inventory.examples'), cell: ({ row }) => <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>{row.original.examples.join(', ')}</Text> },
    ],
    [t, i18n.language],
  )
  if (rows.length === 0) return <Empty icon={<IconShieldCheck size={26} />} title={t('inventory.empty.licences')}>{t('inventory.emptyHelp.licences')}</Empty>
  return <DataTable label={t('inventory.tabs.licences')} rows={rows} columns={columns} rowKey={(l) => l.name} fileName="limpet-licences" />
}
