import { Alert, Badge, Button, Group, Paper, Progress, Stack, Text, Title } from '@mantine/core'
import { IconPlayerPlay, IconPlayerStop } from '@tabler/icons-react'
import type { ColumnDef } from '@tanstack/react-table'
import { useEffect, useMemo, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { AssuranceSimulation, Result, SimulatedArtifact, SimulatedControl } from '../../api/assurance'
import { post } from '../../api/client'
import { DataTable } from '../../parts/DataTable'
import { ProblemAlert } from '../../parts/states'
import { useTitles } from '../policies/kind'

const tones: Record<Result, string> = { pass: 'limpet', warn: 'yellow', fail: 'red' }

interface Sum {
  seen: number
  total: number
  judged: number
  unread: number
  changes: SimulatedArtifact[]
  controls: Map<string, SimulatedControl>
  unscanned: AssuranceSimulation['unscanned']
  ended: boolean
}

const nothing: Sum = { seen: 0, total: 0, judged: 0, unread: 0, changes: [], controls: new Map(), unscanned: [], ended: false }

function add(was: Sum, s: AssuranceSimulation): Sum {
  const controls = new Map(was.controls)
  for (const c of s.controls) {
    const o = controls.get(c.control) ?? { control: c.control, before: 0, after: 0, new: 0 }
    controls.set(c.control, { control: c.control, before: o.before + c.before, after: o.after + c.after, new: o.new + c.new })
  }
  return {
    seen: was.seen + s.judged + s.outOfScope + s.unread, total: s.total ?? was.total, judged: was.judged + s.judged, unread: was.unread + s.unread,
    changes: [...was.changes, ...s.changes], controls, unscanned: [...was.unscanned, ...s.unscanned], ended: !s.nextCursor,
  }
}

// Simulate judges the whole inventory with the text as it is typed, page by
// page, and shows what would come out otherwise.
export function Simulate({ text }: { text: string }) {
  const { t, i18n } = useTranslation()
  const titles = useTitles()
  const [sum, setSum] = useState<Sum>()
  const [of, setOf] = useState('')
  const [running, setRunning] = useState(false)
  const [error, setError] = useState<unknown>()
  const stop = useRef<AbortController>(null)
  useEffect(() => () => stop.current?.abort(), [])
  const run = async () => {
    const mine = new AbortController()
    stop.current = mine
    setRunning(true)
    setError(undefined)
    setOf(text)
    setSum(nothing)
    try {
      for (let cursor: string | undefined; !mine.signal.aborted; ) {
        const s: AssuranceSimulation = await post<AssuranceSimulation>('/assurance-policies/simulate', { yaml: text, cursor }, { signal: mine.signal })
        setSum((was) => add(was ?? nothing, s))
        cursor = s.nextCursor
        if (!cursor) break
      }
    } catch (e) {
      if (!mine.signal.aborted) setError(e)
    }
    setRunning(false)
  }
  const number = (n: number) => n.toLocaleString(i18n.language)
  const columns = useMemo<ColumnDef<SimulatedArtifact>[]>(
    () => [
      { id: 'name', header: t('assurance.artifact'), cell: ({ row: { original: a } }) => <Text size="sm" ff="monospace" style={{ overflowWrap: 'anywhere' }}>{a.name}</Text> },
      { id: 'change', header: t('assurance.change'), cell: ({ row: { original: a } }) => (
        <Group gap={4} wrap="nowrap">
          <Badge color={tones[a.before]}>{t(`assurance.results.${a.before}`)}</Badge> → <Badge color={tones[a.after]}>{t(`assurance.results.${a.after}`)}</Badge>
        </Group>
      ), meta: { width: 190 } },
      { id: 'why', header: t('assurance.why'), cell: ({ row: { original: a } }) => (
        <Stack gap={2}>
          {a.new.map((v) => <Text size="xs" key={`+${v.control}${v.rule ?? ''}`}>+ {titles.title(v.control)}{v.rule ? ` / ${v.rule}` : ''}: <span lang="en">{v.message}</span>{v.refs?.length ? <code> {v.refs.map((r) => r.id).join(', ')}</code> : null}</Text>)}
          {a.gone.map((v) => <Text size="xs" c="dimmed" key={`-${v.control}${v.rule ?? ''}`}>− {titles.title(v.control)}{v.rule ? ` / ${v.rule}` : ''}: <span lang="en">{v.message}</span></Text>)}
        </Stack>
      ) },
      { id: 'running', header: t('assurance.workloads'), cell: ({ row: { original: a } }) => (
        a.running > 0 ? <Text size="xs">{number(a.running)} · {[...new Set(a.workloads.map((w) => w.group))].join(', ')}</Text> : <span className="dim">–</span>
      ), meta: { width: 140 } },
    ],
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [t, titles.title, i18n.language],
  )
  const count = (f: (a: SimulatedArtifact) => boolean) => number(sum?.changes.filter(f).length ?? 0)
  return (
    <Stack>
      <Group>
        <Text size="sm" c="dimmed" maw={760} flex={1}>
          {t('assurance.simulateLead')}
        </Text>
        {running ? (
          <Button variant="default" leftSection={<IconPlayerStop size={16} />} onClick={() => stop.current?.abort()}>
            {t('assurance.stop')}
          </Button>
        ) : (
          <Button leftSection={<IconPlayerPlay size={16} />} onClick={() => void run()}>
            {t('assurance.simulate')}
          </Button>
        )}
      </Group>
      <ProblemAlert error={error} />
      {sum && (
        <>
          {!sum.ended && sum.total > 0 && <Progress value={(100 * sum.seen) / sum.total} aria-label={t('assurance.simulate')} />}
          {sum.ended && of !== text && <Alert color="yellow">{t('assurance.stale')}</Alert>}
          <Text size="sm" role="status" data-testid="simulated">
            {t('assurance.judged', { seen: number(sum.seen), total: number(sum.total), judged: number(sum.judged) })}
            {sum.unread > 0 && ` ${t('assurance.unread', { n: number(sum.unread) })}`}
          </Text>
          <Group>
            <Badge color="red" size="lg">{t('assurance.toFail', { n: count((a) => a.after === 'fail') })}</Badge>
            <Badge color="limpet" size="lg">{t('assurance.fromFail', { n: count((a) => a.before === 'fail') })}</Badge>
            <Badge color="orange" size="lg">{t('assurance.hit', { n: number(sum.changes.reduce((n, a) => n + a.running, 0)) })}</Badge>
          </Group>
          {sum.controls.size > 0 && (
            <Paper p="sm">
              <Title order={3} size="h5" mb={6}>
                {t('assurance.byControl')}
              </Title>
              <dl className="facts">
                {[...sum.controls.values()].map((c) => (
                  <div key={c.control} style={{ display: 'contents' }}>
                    <dt>{titles.title(c.control)}</dt>
                    <dd>{t('assurance.controlCount', { before: number(c.before), after: number(c.after), fresh: number(c.new) })}</dd>
                  </div>
                ))}
              </dl>
            </Paper>
          )}
          {sum.changes.length > 0 && <DataTable label={t('assurance.changes')} rows={sum.changes} columns={columns} rowKey={(a) => a.id} fileName="limpet-simulation" />}
          {sum.ended && sum.changes.length === 0 && <Text size="sm">{t('assurance.noChange')}</Text>}
          {sum.unscanned.length > 0 && (
            <Alert color="orange" title={t('assurance.unscanned', { count: sum.unscanned.length })}>
              <Text size="sm" mb={4}>{t('assurance.unscannedHelp')}</Text>
              {sum.unscanned.slice(0, 20).map((u) => (
                <Text size="xs" ff="monospace" key={`${u.digest ?? ''}${u.image}`}>
                  {u.image || u.digest || '?'} · {number(u.enforcers)}
                </Text>
              ))}
            </Alert>
          )}
        </>
      )}
    </Stack>
  )
}
