import { Grid, Group, Paper, SimpleGrid, Stack, Text, Title } from '@mantine/core'
import { IconMoodCheck } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { lazy, Suspense, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { dashboardQuery } from '../../api/queries'
import type { Dashboard, NamedCount } from '../../api/types'
import { useMay } from '../../app/session'
import { Bars } from '../../parts/Bars'
import { PageHeader } from '../../parts/PageHeader'
import { Empty, Loading, ProblemAlert } from '../../parts/states'
import { useControlText } from '../../parts/control'
import { ExceptionHint } from './ExceptionHint'
import { FirstSteps } from './FirstSteps'
import { Recent } from './Recent'
import { AnchorLink } from '../../parts/links'

const InventoryRisk = lazy(() => import('./InventoryRisk').then((m) => ({ default: m.InventoryRisk })))

export function DashboardPage() {
  const { t } = useTranslation()
  const query = useQuery(dashboardQuery)
  return (
    <>
      <PageHeader title={t('nav.dashboard')} />
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} mb="md" />
      {query.isPending && <Loading rows={8} />}
      {query.data && (query.data.enforcers.total === 0 && !hasEvents(query.data) ? <FirstSteps data={query.data} /> : <Overview data={query.data} />)}
    </>
  )
}

function hasEvents(d: Dashboard): boolean {
  return (d.recent?.length ?? 0) > 0 || (d.events24h.deny ?? 0) + (d.events24h.audit ?? 0) + (d.events24h.allow ?? 0) > 0
}

function Overview({ data: d }: { data: Dashboard }) {
  const { t, i18n } = useTranslation()
  const text = useControlText()
  const navigate = useNavigate()
  const mayScan = useMay('inventory', 'read')
  const mayRead = useMay('policies', 'read')
  const n = (v?: number) => (v ?? 0).toLocaleString(i18n.language)
  const stale = d.enforcers.stale ?? d.enforcers.total - d.enforcers.connected
  const timeline = d.timeline ?? []
  return (
    <Stack gap="md">
      {mayRead && <ExceptionHint />}
      <SimpleGrid cols={{ base: 2, md: 4 }} spacing="md">
        <Figure
          label={t('dashboard.connected')}
          value={`${n(d.enforcers.connected)} / ${n(d.enforcers.total)}`}
          note={stale > 0 ? t('dashboard.stale', { count: stale }) : t('dashboard.allConnected')}
          to="/enforcers?view=enforcers"
          tone={stale > 0 ? 'yellow' : undefined}
        />
        <Figure label={t('dashboard.denied')} value={n(d.events24h.deny)} note={t('dashboard.last24h')} to="/events?range=24h&verdict=deny" tone={(d.events24h.deny ?? 0) > 0 ? 'red' : undefined} />
        <Figure label={t('dashboard.audited')} value={n(d.events24h.audit)} note={t('dashboard.wouldDeny')} to="/events?range=24h&verdict=audit" tone={(d.events24h.audit ?? 0) > 0 ? 'yellow' : undefined} />
        <Figure
          label={t('dashboard.policies')}
          value={n(d.policies)}
          note={t('dashboard.groups', { count: d.groups ?? 0 })}
          to="/policies"
        />
      </SimpleGrid>
      <Card title={t('dashboard.timeline')} aside={t('dashboard.timelineHint')}>
        <Bars
          buckets={timeline}
          label={t('dashboard.timelineLabel', { deny: n(d.events24h.deny), audit: n(d.events24h.audit), allow: n(d.events24h.allow) })}
          onPick={(b, next) => void navigate({ to: '/events', search: { from: b.at, ...(next ? { to: next.at } : {}) } })}
        />
      </Card>
      <Grid gap="md">
        <Grid.Col span={{ base: 12, md: 6 }}>
          <Card title={t('dashboard.topControls')}>
            <Meters items={d.topControls ?? []} name={(c) => text.title(c)} to={(c) => `/events?range=24h&control=${encodeURIComponent(c)}`} />
          </Card>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 6 }}>
          <Card title={t('dashboard.topImages')}>
            <Meters items={d.topImages ?? []} name={(i) => i || t('dashboard.noImage')} to={(i) => `/events?range=24h&image=${encodeURIComponent(i)}`} />
          </Card>
        </Grid.Col>
      </Grid>
      {mayScan && (
        <Suspense fallback={<Loading rows={4} />}>
          <InventoryRisk />
        </Suspense>
      )}
      <Card
        title={t('dashboard.recent')}
        aside={
          <AnchorLink to="/events" size="sm">
            {t('dashboard.allEvents')}
          </AnchorLink>
        }
      >
        {(d.recent?.length ?? 0) > 0 ? (
          <Recent events={d.recent ?? []} />
        ) : (
          <Empty icon={<IconMoodCheck size={26} />} title={t('dashboard.nothingDenied')}>
            {t('dashboard.nothingDeniedHelp')}
          </Empty>
        )}
      </Card>
    </Stack>
  )
}

interface FigureProps {
  label: string
  value: string
  note: string
  to: string
  tone?: 'red' | 'yellow'
}

function Figure({ label, value, note, to, tone }: FigureProps) {
  return (
    <Paper p="md" component={Link} to={to} className="figure" data-tone={tone}>
      <Text size="xs" c="dimmed" fw={600}>
        {label}
      </Text>
      <Text fz={26} fw={650} lh={1.25} className="tabular">
        {value}
      </Text>
      <Text size="xs" c="dimmed">
        {note}
      </Text>
    </Paper>
  )
}

function Card({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <Paper p="md" component="section" h="100%">
      <Group justify="space-between" mb="sm">
        <Title order={2}>{title}</Title>
        {aside && (
          <Text size="xs" c="dimmed" component="div">
            {aside}
          </Text>
        )}
      </Group>
      {children}
    </Paper>
  )
}

function Meters({ items, name, to }: { items: NamedCount[]; name: (n: string) => string; to: (n: string) => string }) {
  const { t, i18n } = useTranslation()
  const top = Math.max(1, ...items.map((i) => i.count))
  if (items.length === 0) return <Text size="sm" c="dimmed">{t('dashboard.noneYet')}</Text>
  return (
    <Stack gap={4}>
      {items.slice(0, 8).map((i) => (
        <Link key={i.name} to={to(i.name)} className="meter">
          <span className="meter-fill" style={{ width: `${(i.count / top) * 100}%` }} />
          <span className="meter-row">
            <span className="ev-cell">{name(i.name)}</span>
            <span className="tabular">{i.count.toLocaleString(i18n.language)}</span>
          </span>
        </Link>
      ))}
    </Stack>
  )
}
