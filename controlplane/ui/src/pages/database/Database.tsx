import { Alert, Badge, Button, Grid, Group, Paper, Stack, Text, Title } from '@mantine/core'
import { IconAlertTriangle, IconDatabase, IconRefresh } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { post } from '../../api/client'
import { useMay } from '../../app/session'
import { Command } from '../../parts/Command'
import { DataTable } from '../../parts/DataTable'
import { Fact } from '../../parts/Fact'
import { done } from '../../parts/notify'
import { PageHeader } from '../../parts/PageHeader'
import { Empty, Loading, ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'
import { databaseQuery, type Database, type DatabaseStatus, type Feed, type System } from './queries'

const signatures = { verified: 'limpet', unsigned: 'orange', notChecked: 'gray', wrong: 'red' } as const

// How a server is told to pull by itself, and how a person pulls once.
const serverCommand = 'limpet server --data /var/lib/limpet \\\n  --vuln-db-from registry.example.com/limpet/db --vuln-db-key db.pub'
const pullCommand = (file?: string) => `limpet db pull --mirror registry.example.com/limpet/db --key db.pub${file ? ` \\\n  --output ${file}` : ''}`

export function DatabasePage() {
  const { t } = useTranslation()
  const client = useQueryClient()
  const mayUpdate = useMay('vulnerability-database')
  const query = useQuery(databaseQuery)
  const update = useMutation({
    mutationFn: () => post<DatabaseStatus>('/vulnerability-database/update'),
    onSuccess: (s) => {
      client.setQueryData(databaseQuery.queryKey, s)
      done(t('database.asked'))
    },
  })
  const d = query.data
  return (
    <>
      <PageHeader
        title={t('database.title')}
        lead={t('database.lead')}
        actions={mayUpdate && d && d.mirrors.length > 0 && (
          <Button size="xs" leftSection={<IconRefresh size={15} />} loading={update.isPending || d.updating} onClick={() => update.mutate()}>{t('database.update')}</Button>
        )}
      />
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} mb="md" />
      <ProblemAlert error={update.error} mb="md" />
      {query.isPending && <Loading rows={10} />}
      {d && (
        <Stack gap="md">
          <Warnings status={d} />
          {!d.database && !d.problem && (
            <Empty icon={<IconDatabase size={26} />} title={t('database.none')}>
              <Text size="sm" mb="md">{t('database.noneHelp')}</Text>
              <Stack gap="sm" ta="left">
                <Text size="sm">{t('database.byItself')}</Text>
                <Command text={serverCommand} label={t('database.byItself')} />
                <Text size="sm">{t('database.byHand')}</Text>
                <Command text={pullCommand(d.file)} label={t('database.byHand')} />
              </Stack>
            </Empty>
          )}
          <Grid gap="md">
            {d.database && <Grid.Col span={{ base: 12, md: 6 }}><Held d={d.database} file={d.file} /></Grid.Col>}
            <Grid.Col span={{ base: 12, md: 6 }}><Updates status={d} /></Grid.Col>
          </Grid>
          {d.systems.length > 0 && <Systems rows={d.systems} />}
          {d.database && <Feeds rows={d.database.feeds} />}
          {d.database && <Ecosystems d={d.database} />}
        </Stack>
      )}
    </>
  )
}

function Warnings({ status: d }: { status: DatabaseStatus }) {
  const { t } = useTranslation()
  const warn = (title: string, text?: ReactNode, color = 'orange') => <Alert color={color} icon={<IconAlertTriangle size={18} />} title={title}>{text}</Alert>
  const a = d.lastAttempt
  return (
    <>
      {d.problem && warn(t('database.unreadable'), <Text size="sm" lang="en" style={{ overflowWrap: 'anywhere' }}>{d.problem}</Text>, 'red')}
      {d.database?.sample && warn(t('database.sample'), t('database.sampleHelp'))}
      {d.database?.old && warn(t('database.oldTitle', { count: Math.floor(d.database.ageSeconds / 86_400) }), t('database.oldHelp'))}
      {d.database?.signature === 'wrong' && warn(t('database.signatures.wrong'), <Text size="sm" lang="en" style={{ overflowWrap: 'anywhere' }}>{d.database.flaw}</Text>, 'red')}
      {a?.error && warn(
        t(`database.outcomes.${a.outcome}`),
        <>
          <Text size="sm" mb={4}>{t('database.stays')}</Text>
          <Text size="sm" lang="en" style={{ overflowWrap: 'anywhere' }}>{a.error}</Text>
        </>,
        'red',
      )}
    </>
  )
}

function Card({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Paper p="md" h="100%" component="section" aria-label={title}>
      <Title order={2} mb="sm">{title}</Title>
      {children}
    </Paper>
  )
}

function Held({ d, file }: { d: Database; file?: string }) {
  const { t, i18n } = useTranslation()
  const n = (v: number) => v.toLocaleString(i18n.language)
  return (
    <Card title={t('database.held')}>
      <dl className="facts">
        <Fact name={t('database.built')}><When at={d.built} /></Fact>
        <Fact name={t('database.installed')}><When at={d.installed} /></Fact>
        <Fact name={t('database.signature')}>
          <Group gap={6}>
            <Badge color={signatures[d.signature]}>{t(`database.signatures.${d.signature}`)}</Badge>
            {d.signer && <Text span size="xs" ff="monospace">{d.signer}</Text>}
          </Group>
        </Fact>
        <Fact name={t('database.details')}>{n(d.details)}</Fact>
        <Fact name={t('database.jars')}>{d.jars > 0 && n(d.jars)}</Fact>
        <Fact name={t('database.size')}>{(d.size / 1e6).toLocaleString(i18n.language, { style: 'unit', unit: 'megabyte', maximumFractionDigits: 1 })}</Fact>
        <Fact name={t('database.digest')}><Text span size="xs" ff="monospace">{d.digest}</Text></Fact>
        <Fact name={t('database.schema')}>{d.schema}</Fact>
        <Fact name={t('database.file')}>{file && <Text span size="xs" ff="monospace">{file}</Text>}</Fact>
      </dl>
    </Card>
  )
}

function Updates({ status: d }: { status: DatabaseStatus }) {
  const { t, i18n } = useTranslation()
  const a = d.lastAttempt
  return (
    <Card title={t('database.updates')}>
      <dl className="facts">
        <Fact name={t('database.from')}>{d.mirrors.length > 0 && d.mirrors.map((m) => <Text key={m} size="xs" ff="monospace">{m}</Text>)}</Fact>
        <Fact name={t('database.attempt')}>
          {a && (
            <Group gap={6}>
              <Badge color={a.error ? 'red' : 'limpet'}>{t(`database.short.${a.outcome}`)}</Badge>
              <When at={a.at} />
              {a.by && <Text span size="xs" c="dimmed">{t('database.by', { who: a.by })}</Text>}
              {a.delta && <Text span size="xs" c="dimmed">{t('database.delta')}</Text>}
            </Group>
          )}
        </Fact>
        <Fact name={t('database.warnings')}>{a && a.warnings.length > 0 && a.warnings.map((w) => <Text key={w} size="xs" lang="en">{w}</Text>)}</Fact>
        <Fact name={t('database.good')}>{d.lastGood && <When at={d.lastGood} />}</Fact>
        <Fact name={t('database.failures')}>{d.failures > 0 && d.failures.toLocaleString(i18n.language)}</Fact>
        <Fact name={t('database.next')}>{d.updating ? t('database.updating') : d.next && <When at={d.next} future />}</Fact>
        <Fact name={t('database.matched')}>
          {d.matching ? t('database.matching') : d.matched && (
            <Group gap={6}>
              <When at={d.matched.at} />
              <Text span size="xs" c="dimmed">{t('database.reports', { count: d.matched.reports })}</Text>
            </Group>
          )}
        </Fact>
        <Fact name={t('database.matchError')}>{d.matched?.error && <Text span size="xs" lang="en">{d.matched.error}</Text>}</Fact>
      </dl>
      {d.mirrors.length === 0 && (
        <Stack gap="xs" mt="sm">
          <Text size="sm" c="dimmed">{t('database.noMirror')}</Text>
          {d.database && <Command text={serverCommand} label={t('database.byItself')} />}
        </Stack>
      )}
    </Card>
  )
}

function Systems({ rows }: { rows: System[] }) {
  const { t, i18n } = useTranslation()
  const columns = useMemo<ColumnDef<System>[]>(
    () => [
      { id: 'os', header: t('database.system'), cell: ({ row }) => row.original.os || <span className="dim">{t('database.noSystem')}</span> },
      { id: 'ecosystem', header: t('database.ecosystem'), cell: ({ row }) => row.original.ecosystem || <span className="dim">–</span> },
      { id: 'artifacts', header: t('nav.images'), cell: ({ row }) => <span className="tabular">{row.original.artifacts.toLocaleString(i18n.language)}</span>, meta: { width: 120 } },
      { id: 'data', header: t('database.data'), meta: { width: 160 }, cell: ({ row: { original: s } }) => s.os && <Badge color={s.data ? 'limpet' : 'orange'}>{s.data ? t('database.hasData') : t('database.noData')}</Badge> },
    ],
    [t, i18n.language],
  )
  return (
    <section>
      <Title order={2} mb={2}>{t('database.coverage')}</Title>
      <Text size="sm" c="dimmed" mb="xs">{t('database.coverageHelp')}</Text>
      <DataTable label={t('database.coverage')} rows={rows} columns={columns} rowKey={(s) => s.os} />
    </section>
  )
}

function Feeds({ rows }: { rows: Feed[] }) {
  const { t, i18n } = useTranslation()
  const columns = useMemo<ColumnDef<Feed>[]>(
    () => [
      {
        id: 'name', header: t('database.feed'),
        cell: ({ row: { original: f } }) => (
          <>
            <Text size="sm" fw={600}>{f.name}</Text>
            {f.source && <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>{f.source}</Text>}
            {f.faults.slice(0, 3).map((x) => <Text key={x} size="xs" c="dimmed" lang="en" style={{ overflowWrap: 'anywhere' }}>{x}</Text>)}
          </>
        ),
      },
      { id: 'records', header: t('database.records'), cell: ({ row }) => <span className="tabular">{row.original.records.toLocaleString(i18n.language)}</span>, meta: { width: 100 } },
      { id: 'state', header: t('database.complete'), meta: { width: 150 }, cell: ({ row: { original: f } }) => (f.partial || f.bad > 0 ? <Badge color="orange">{f.bad > 0 ? t('database.bad', { count: f.bad }) : t('database.partial')}</Badge> : <Badge color="limpet">{t('database.whole')}</Badge>) },
      { id: 'fetched', header: t('database.fetched'), cell: ({ row }) => <When at={row.original.fetched} />, meta: { width: 130 } },
      { id: 'newest', header: t('database.newest'), cell: ({ row }) => <When at={row.original.newest} />, meta: { width: 130 } },
      { id: 'licence', header: t('database.licence'), cell: ({ row }) => <Text size="xs" lang="en">{row.original.licence || '–'}</Text>, meta: { width: 220 } },
    ],
    [t, i18n.language],
  )
  return (
    <section>
      <Title order={2} mb="xs">{t('database.feeds')}</Title>
      <DataTable label={t('database.feeds')} rows={rows} columns={columns} rowKey={(f) => f.name} fileName="limpet-feeds" />
    </section>
  )
}

function Ecosystems({ d }: { d: Database }) {
  const { t, i18n } = useTranslation()
  return (
    <Card title={t('database.ecosystems')}>
      <Text size="sm" c="dimmed" mb="sm">{t('database.ecosystemsHelp')}</Text>
      <Group gap={6}>
        {d.ecosystems.map((e) => <Badge key={e.name} variant="default" tt="none" fw={500}>{e.name} · {e.rows.toLocaleString(i18n.language)}</Badge>)}
      </Group>
    </Card>
  )
}
