import { Alert, Badge, Grid, Group, List, Paper, Stack, Text, Title } from '@mantine/core'
import { IconAlertTriangle, IconCheck } from '@tabler/icons-react'
import { useInfiniteQuery, type UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { artifactWorkloadsQuery, type ArtifactDetail, type AssuranceVerdict, type Contents, type Ref } from '../../api/inventory'
import { Labels } from '../../parts/badges'
import { Fact } from '../../parts/Fact'
import { AnchorLink } from '../../parts/links'
import { Digest, Mono } from '../../parts/Mono'
import { useRows } from '../../parts/PagedTable'
import { ResultBadge, Risk, SeverityBar } from '../../parts/risk'
import { Loading, ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'
import { size } from './format'

export function Overview({ artifact: a, contents }: { artifact: ArtifactDetail; contents: UseQueryResult<Contents> }) {
  const { t, i18n } = useTranslation()
  const c = contents.data
  return (
    <Grid gap="md">
      <Grid.Col span={{ base: 12, lg: 8 }}>
        <Stack>
          <Trust contents={c} integrity={a.integrity} />
          <Card title={t('inventory.verdict')}><Verdict verdict={a.verdict} /></Card>
          <Card title={t('inventory.whyRisk')}>
            <Group mb="sm"><Risk value={a.risk} /><SeverityBar counts={a.vulnerabilities} /></Group>
            <ProblemAlert error={contents.error} onRetry={() => void contents.refetch()} />
            {contents.isPending && <Loading rows={3} />}
            {c && (
              <dl className="facts">
                {c.risk.map((p) => (
                  <Fact key={p.reason} name={t(`inventory.reasons.${p.reason as 'exploited'}`)}>
                    <span className="tabular">{t('inventory.points', { points: p.points.toLocaleString(i18n.language, { maximumFractionDigits: 1 }), of: p.of, number: p.count })}</span>
                  </Fact>
                ))}
                {c.risk.length === 0 && <Fact name={t('inventory.risk')}>{t('inventory.noRisk')}</Fact>}
              </dl>
            )}
          </Card>
        </Stack>
      </Grid.Col>
      <Grid.Col span={{ base: 12, lg: 4 }}>
        <Stack>
          <Card title={t('inventory.about')}>
            <dl className="facts">
              <Fact name={t('inventory.kind')}>{t(`inventory.kinds.${a.kind as 'image'}`)}</Fact>
              <Fact name={t('inventory.digest')}>{a.digest && <Digest value={a.digest} />}</Fact>
              <Fact name={t('inventory.repository')}>{a.repository && <AnchorLink to="/images" search={{ repository: a.repository }} size="sm">{a.repository}</AnchorLink>}</Fact>
              <Fact name={t('inventory.os')}>{c?.os ? (c.os.name ?? `${c.os.id} ${c.os.version}`) : a.os}</Fact>
              <Fact name={t('inventory.platform')}>{a.platform}</Fact>
              <Fact name={t('inventory.size')}>{a.size > 0 && size(a.size, i18n.language)}</Fact>
              <Fact name={t('inventory.created')}>{a.created && <When at={a.created} />}</Fact>
              <Fact name={t('inventory.base')}>{c && baseOf(c) > 0 && (c.baseName ? <Mono value={c.baseName} wrap /> : t('inventory.baseLayers', { count: baseOf(c) }))}</Fact>
              <Fact name={t('inventory.user')}>{c?.config && (c.config.user || 'root')}</Fact>
              <Fact name={t('inventory.firstSeen')}><When at={a.firstSeen} /></Fact>
              <Fact name={t('inventory.lastScan')}><When at={a.scannedAt} /></Fact>
              <Fact name={t('inventory.database')}>{c?.database && <When at={c.database.built} />}</Fact>
              <Fact name={t('common.labels')}>{Object.keys(a.labels).length > 0 && <Labels labels={a.labels} />}</Fact>
            </dl>
          </Card>
          <Card title={t('inventory.runningWhere', { count: a.running })}><Running id={a.id} /></Card>
        </Stack>
      </Grid.Col>
    </Grid>
  )
}

const baseOf = (c: Contents) => c.layers.filter((l) => l.base).length

function Card({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Paper p="md" component="section">
      <Title order={2} mb="sm">{title}</Title>
      {children}
    </Paper>
  )
}

// Trust says how much of the artefact the report speaks for.
function Trust({ contents: c, integrity }: { contents?: Contents; integrity: ArtifactDetail['integrity'] }) {
  const { t } = useTranslation()
  const missing = c?.coverage.filter((x) => !x.data) ?? []
  const anomalies = c?.integrity.anomalies?.filter((x) => x.effect !== 'complete') ?? []
  return (
    <>
      <Alert color={integrity === 'complete' ? 'limpet' : integrity === 'partial' ? 'orange' : 'red'} icon={integrity === 'complete' ? <IconCheck size={18} /> : <IconAlertTriangle size={18} />} title={t(`inventory.integrities.${integrity}`)}>
        {t(`inventory.integrityText.${integrity}`)}
        {anomalies.length > 0 && (
          <List size="sm" mt={6}>
            {anomalies.slice(0, 20).map((x, i) => (
              <List.Item key={i}><code>{x.code}</code> {x.path && <code>{x.path}</code>} <span lang="en">{x.detail}</span></List.Item>
            ))}
          </List>
        )}
      </Alert>
      {c && !c.database && <Alert color="red" icon={<IconAlertTriangle size={18} />}>{t('inventory.noDatabase')}</Alert>}
      {missing.map((x) => (
        <Alert key={x.ecosystem} color="orange" icon={<IconAlertTriangle size={18} />}>{t('inventory.noData', { ecosystem: x.ecosystem, count: x.packages })}</Alert>
      ))}
      {c?.os?.ended && <Alert color="red" icon={<IconAlertTriangle size={18} />}>{t('inventory.ended', { os: `${c.os.id} ${c.os.version}`, date: c.os.endOfLife ?? '' })}</Alert>}
    </>
  )
}

const refText = (r: Ref) => [r.id, r.package !== r.id && r.package, r.version, r.path, r.detail].filter(Boolean).join(' · ')

// Verdict says what each policy said, control by control.
export function Verdict({ verdict }: { verdict: AssuranceVerdict }) {
  const { t } = useTranslation()
  const policies = verdict.policies ?? []
  if (policies.length === 0) return <Text size="sm" c="dimmed">{t('inventory.noPolicy')}</Text>
  return (
    <Stack gap="md">
      {policies.map((p) => (
        <div key={p.policy}>
          <Group gap="xs" mb={4}>
            <Text size="sm" fw={600}>{p.policy}</Text>
            <ResultBadge result={p.result} />
          </Group>
          {p.message && <Text size="sm" mb={4}>{p.message}</Text>}
          {(p.violations ?? []).length === 0 && <Text size="sm" c="dimmed">{t('inventory.allControls')}</Text>}
          <List size="sm" spacing={6}>
            {(p.violations ?? []).map((w, i) => (
              <List.Item key={i}>
                <Group gap={6}>
                  <Badge color={w.mode === 'block' ? 'red' : 'yellow'}>{w.control}</Badge>
                  <span lang="en">{w.message}</span>
                </Group>
                {(w.refs ?? []).slice(0, 5).map((r, n) => <Text key={n} size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>{refText(r)}</Text>)}
                {w.count > 5 && <Text size="xs" c="dimmed">{t('inventory.andMore', { count: w.count - 5 })}</Text>}
              </List.Item>
            ))}
          </List>
          {(p.excepted ?? []).length > 0 && (
            <>
              <Text size="sm" fw={600} mt="xs">{t('inventory.accepted')}</Text>
              {(p.excepted ?? []).slice(0, 10).map((x, i) => (
                <Text key={i} size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>{refText(x.ref)}: {x.reason} ({x.exception}, {x.owner}{x.expires ? `, ${x.expires}` : ''})</Text>
              ))}
            </>
          )}
          {(p.notJudged ?? []).map((n) => <Text key={n} size="xs" c="dimmed" lang="en">{n}</Text>)}
        </div>
      ))}
    </Stack>
  )
}

function Running({ id }: { id: string }) {
  const { t } = useTranslation()
  const query = useInfiniteQuery(artifactWorkloadsQuery(id))
  const rows = useRows(query)
  if (query.error) return <ProblemAlert error={query.error} />
  if (query.isPending) return <Loading rows={2} />
  if (rows.length === 0) return <Text size="sm" c="dimmed">{t('inventory.notRunning')}</Text>
  return (
    <dl className="facts">
      {rows.slice(0, 20).map((w) => (
        <Fact key={w.enforcerId} name={w.group}>
          <AnchorLink to="/enforcers/agents/$id" params={{ id: w.enforcerId }} size="sm">{w.hostname || w.enforcerId.slice(-12)}</AnchorLink>
        </Fact>
      ))}
    </dl>
  )
}
