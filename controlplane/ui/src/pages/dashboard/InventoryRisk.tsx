import { Alert, Grid, Group, Paper, Stack, Text, Title } from '@mantine/core'
import { useElementSize } from '@mantine/hooks'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { inventoryQuery, type Inventory, type InventoryDay } from '../../api/inventory'
import { niceTop } from '../../parts/Bars'
import { AnchorLink } from '../../parts/links'
import { KEV, Risk, SeverityBadge } from '../../parts/risk'
import { Loading, ProblemAlert } from '../../parts/states'
import { DatabaseHint } from '../database/Hint'

// InventoryRisk is what scans say, on the dashboard.
export function InventoryRisk() {
  const query = useQuery(inventoryQuery)
  if (!query.data) return query.error ? <ProblemAlert error={query.error} onRetry={() => void query.refetch()} /> : <Loading rows={4} />
  return <Body data={query.data} />
}

function Body({ data: d }: { data: Inventory }) {
  const { t, i18n } = useTranslation()
  const n = (v: number) => v.toLocaleString(i18n.language)
  if (d.now.artifacts === 0 && d.now.running === 0) return null
  return (
    <Stack gap="md">
      <DatabaseHint />
      <Card title={t('inventory.overTime')} aside={<AnchorLink to="/images" search={{ sort: 'risk' }} size="sm">{t('inventory.allImages')}</AnchorLink>}>
        <Group gap="lg" mb="sm">
          <Figure label={t('inventory.scanned')} value={n(d.now.artifacts)} />
          <Figure label={t('inventory.failing')} value={n(d.now.failing)} />
          <Figure label={t('inventory.withExploited')} value={n(d.now.exploited)} />
          <Figure label={t('inventory.fixable')} value={n(d.now.fixable)} />
          <Figure label={t('inventory.coverage')} value={d.now.running === 0 ? '–' : ((d.now.running - d.now.unscanned) / d.now.running).toLocaleString(i18n.language, { style: 'percent' })} />
        </Group>
        <Chart days={d.days} />
      </Card>
      {d.gaps.length > 0 && (
        <Alert color="orange" icon={<IconAlertTriangle size={18} />} title={t('inventory.neverScanned', { count: d.now.unscanned })}>
          <Text size="sm" style={{ overflowWrap: 'anywhere' }}>{d.gaps.slice(0, 5).map((g) => g.image || g.imageDigest.slice(0, 19)).join(', ')}{d.gaps.length > 5 && ', …'}</Text>
        </Alert>
      )}
      <Grid gap="md">
        <Grid.Col span={{ base: 12, md: 6 }}>
          <Card title={t('inventory.topImages')}>
            <Stack gap={6}>
              {d.artifacts.map((a) => (
                <Group key={a.id} justify="space-between" wrap="nowrap" gap="sm">
                  <AnchorLink to="/images/$id" params={{ id: a.id }} search={{ tab: 'fixes' }} size="sm" className="ev-cell">{a.name}</AnchorLink>
                  <Group gap="sm" wrap="nowrap">{a.running > 0 && <Text size="xs" c="dimmed" className="nowrap">{t('inventory.runningShort', { count: a.running })}</Text>}<Risk value={a.risk} /></Group>
                </Group>
              ))}
              {d.artifacts.length === 0 && <Text size="sm" c="dimmed">{t('inventory.noneFound')}</Text>}
            </Stack>
          </Card>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 6 }}>
          <Card title={t('inventory.topVulnerabilities')}>
            <Stack gap={6}>
              {d.vulnerabilities.map((v) => (
                <Group key={v.id} justify="space-between" wrap="nowrap" gap="sm">
                  <Group gap={6} wrap="nowrap" miw={0}><AnchorLink to="/vulnerabilities/$id" params={{ id: v.id }} size="sm" className="nowrap">{v.id}</AnchorLink>{v.kev && <KEV />}<Text size="xs" c="dimmed" truncate lang="en">{v.title}</Text></Group>
                  <Group gap="sm" wrap="nowrap">{v.running > 0 && <Text size="xs" c="dimmed" className="nowrap">{t('inventory.runningShort', { count: v.running })}</Text>}<SeverityBadge severity={v.severity} /></Group>
                </Group>
              ))}
              {d.vulnerabilities.length === 0 && <Text size="sm" c="dimmed">{t('inventory.noneFound')}</Text>}
            </Stack>
          </Card>
        </Grid.Col>
      </Grid>
    </Stack>
  )
}

function Figure({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <Text size="xs" c="dimmed" fw={600}>{label}</Text>
      <Text fz={20} fw={650} className="tabular">{value}</Text>
    </div>
  )
}

function Card({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <Paper p="md" component="section" h="100%">
      <Group justify="space-between" mb="sm"><Title order={2}>{title}</Title>{aside}</Group>
      {children}
    </Paper>
  )
}

const H = 150
const left = 38
const bottom = 20
const series = ['critical', 'high', 'medium'] as const
const fill = { critical: '#b3261e', high: '#d9822b', medium: '#e6c35c' }

// Chart draws vulnerabilities by day, one stacked bar for each.
function Chart({ days }: { days: InventoryDay[] }) {
  const { t, i18n } = useTranslation()
  const { ref, width } = useElementSize()
  const W = Math.max(240, width || 720)
  const top = niceTop(Math.max(0, ...days.map((d) => d.critical + d.high + d.medium)))
  const step = Math.min(28, (W - left) / Math.max(1, days.length))
  const y = (n: number) => (n / top) * (H - bottom - 8)
  const last = days[days.length - 1]
  const date = new Intl.DateTimeFormat(i18n.language, { month: 'short', day: 'numeric', timeZone: 'UTC' })
  const label = last ? t('inventory.chartLabel', { days: days.length, critical: last.critical, high: last.high, medium: last.medium }) : ''
  const every = Math.max(1, Math.ceil(56 / step))
  return (
    <div ref={ref}>
      <svg viewBox={`0 0 ${W} ${H}`} height={H} className="inv-chart" role="img" aria-label={label}>
        {[0, 0.5, 1].map((f) => (
          <g key={f}>
            <line x1={left} x2={W} y1={H - bottom - y(top * f)} y2={H - bottom - y(top * f)} className="bars-grid" />
            <text x={left - 6} y={H - bottom - y(top * f) + 4} textAnchor="end" className="bars-axis">{new Intl.NumberFormat(i18n.language, { notation: 'compact' }).format(top * f)}</text>
          </g>
        ))}
        {days.map((d, i) => {
          let base = H - bottom
          return (
            <g key={d.day}>
              <title>{`${d.day}: ${series.map((s) => `${t(`inventory.severities.${s}`)} ${d[s]}`).join(', ')}`}</title>
              {series.map((s) => {
                const h = y(d[s])
                base -= h
                return h > 0 ? <rect key={s} x={left + i * step + step * 0.12} y={base} width={step * 0.76} height={Math.max(h, 1.5)} fill={fill[s]} rx={1.5} /> : null
              })}
              {(i % every === 0 || days.length === 1) && <text x={left + i * step + step / 2} y={H - 5} textAnchor={i === 0 ? 'start' : 'middle'} className="bars-axis">{date.format(new Date(d.day))}</text>}
            </g>
          )
        })}
      </svg>
      <Group gap="md" mt={4} pl={left / 2}>
        {series.map((s) => (
          <Group key={s} gap={6}><span className="swatch" style={{ background: fill[s] }} /><Text size="xs" c="dimmed">{t(`inventory.severities.${s}`)}</Text></Group>
        ))}
      </Group>
    </div>
  )
}
