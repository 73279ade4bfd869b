import { Alert, Badge, Button, FileButton, Group, Modal, SegmentedControl, Stack, Text, TextInput } from '@mantine/core'
import { IconAlertCircle, IconAlertTriangle, IconCheck, IconEye, IconFileText, IconUpload } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { ColumnDef } from '@tanstack/react-table'
import { useEffect, useMemo, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { exceptionSummaryQuery, type ImportedStatement, type ImportedStatements, type Outcome } from '../../api/assurance'
import { post } from '../../api/client'
import { useMay, useSession } from '../../app/session'
import { DataTable } from '../../parts/DataTable'
import { ProblemAlert } from '../../parts/states'
import { inDays } from './draft'
import { counts, FileFault, readDocument } from './statements'

const tones: Record<Outcome, string> = { requested: 'limpet', known: 'gray', skipped: 'orange' }
const outcomes = ['requested', 'known', 'skipped'] as const

// ImportStatements is the button with which what somebody else's VEX document
// says becomes requests. It shows nothing to those who may not ask.
export function ImportStatements() {
  const { t } = useTranslation()
  const [open, setOpen] = useState(false)
  if (!useMay('exceptions', 'request')) return null
  return (
    <>
      <Button size="sm" variant="default" leftSection={<IconUpload size={15} />} onClick={() => setOpen(true)}>
        {t('exceptions.import')}
      </Button>
      {open && <ImportForm onClose={() => setOpen(false)} />}
    </>
  )
}

function ImportForm({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const session = useSession()
  const most = useQuery(exceptionSummaryQuery).data?.mostDays
  const [file, setFile] = useState<File | null>(null)
  const [owner, setOwner] = useState(session?.user.username ?? '')
  const [expires, setExpires] = useState(inDays(90))
  const send = (document: unknown, dryRun: boolean) => post<ImportedStatements>('/exception-statements', document, { query: { owner: owner.trim(), expires, dryRun } })
  const preview = useMutation({
    mutationFn: async (chosen: File) => {
      const document = await readDocument(chosen)
      return { document, of: await send(document, true) }
    },
  })
  // What was seen is what is sent, whatever became of the file meanwhile.
  const ask = useMutation({
    mutationFn: (document: unknown) => send(document, false),
    onSuccess: () => client.invalidateQueries({ queryKey: ['exceptions'] }),
  })
  const of = ask.data ?? preview.data?.of
  const kept = ask.data !== undefined
  const busy = preview.isPending || ask.isPending
  const error = ask.error ?? preview.error
  const n = counts(of?.statements ?? [])
  const ready = file !== null && owner.trim() !== '' && expires !== ''
  const change = <T,>(set: (v: T) => void) => (v: T) => {
    set(v)
    preview.reset() // it was of something else
    ask.reset()
  }
  const setNow = { file: change(setFile), owner: change(setOwner), expires: change(setExpires) }
  const again = useRef<() => void>(null)
  const choose = (f: File | null) => {
    setNow.file(f)
    again.current?.() // the same name may be chosen once more, with another text
  }
  const fault = error instanceof FileFault ? error : undefined
  return (
    <Modal opened onClose={onClose} size="xl" title={t('exceptions.import')} closeOnClickOutside={false} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <form
        onSubmit={(e) => {
          e.preventDefault()
          if (!ready || kept || busy) return
          if (!preview.data) preview.mutate(file)
          else if (n.requested > 0) ask.mutate(preview.data.document)
        }}
      >
        <Stack gap="sm">
          <Text size="sm" c="dimmed">
            {t('exceptions.importLead')}
          </Text>
          {!kept && (
            <>
              <Group gap="sm">
                <FileButton resetRef={again} onChange={choose} accept=".json,application/json" inputProps={{ 'aria-label': t('exceptions.file') }}>
                  {(props) => (
                    <Button {...props} variant="default" leftSection={<IconFileText size={15} />} data-autofocus>
                      {t('exceptions.file')}
                    </Button>
                  )}
                </FileButton>
                <Text size="sm" c={file ? undefined : 'dimmed'} style={{ overflowWrap: 'anywhere' }} flex={1}>
                  {file ? file.name : `${t('exceptions.noFile')} · ${t('exceptions.fileHelp')}`}
                </Text>
              </Group>
              <Group grow align="flex-start">
                <TextInput size="xs" label={t('exceptions.owner')} description={t('exceptions.ownerHelp')} value={owner} maxLength={200} onChange={(e) => setNow.owner(e.currentTarget.value)} required />
                <TextInput
                  size="xs"
                  type="date"
                  label={t('exceptions.expires')}
                  description={most ? t('exceptions.mostDays', { count: most }) : ' '}
                  value={expires}
                  onChange={(e) => setNow.expires(e.currentTarget.value)}
                  required
                />
              </Group>
            </>
          )}
          {fault ? (
            <Alert color="red" role="alert" icon={<IconAlertCircle size={18} />}>
              {t(`exceptions.${fault.kind}`, { name: fault.file })}
            </Alert>
          ) : (
            <ProblemAlert error={error} />
          )}
          {of && <Imported key={String(kept)} of={of} kept={kept} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {kept ? t('common.close') : t('common.cancel')}
            </Button>
            {!kept && !of && (
              <Button type="submit" leftSection={<IconEye size={15} />} disabled={!ready} loading={busy}>
                {t('exceptions.preview')}
              </Button>
            )}
            {!kept && of && (
              <Button type="submit" disabled={!ready || n.requested === 0} loading={busy}>
                {n.requested > 0 ? t('exceptions.askFor', { count: n.requested }) : t('exceptions.nothingToAsk')}
              </Button>
            )}
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}

// Imported says what became of each statement, or would.
function Imported({ of, kept }: { of: ImportedStatements; kept: boolean }) {
  const { t } = useTranslation()
  const [only, setOnly] = useState<Outcome | 'all'>('all')
  const all = of.statements
  const n = counts(all)
  // The button that was pressed is gone: the keyboard goes on here.
  const said = useRef<HTMLDivElement>(null)
  useEffect(() => said.current?.focus(), [])
  const columns = useMemo<ColumnDef<ImportedStatement>[]>(
    () => [
      { id: 'outcome', header: t('exceptions.outcome'), meta: { width: 150 }, cell: ({ row: { original: s } }) => (
        <Badge color={tones[s.outcome]}>{t(kept ? `exceptions.outcomes.${s.outcome}` : `exceptions.outcomesTried.${s.outcome}`)}</Badge>
      ) },
      { id: 'what', header: t('exceptions.what'), cell: ({ row: { original: s } }) => (
        <Text size="xs" ff="monospace" component="div" style={{ overflowWrap: 'anywhere' }}>
          {s.ids.map((id) => (
            <div key={id} style={{ whiteSpace: 'nowrap' }}>{id}</div>
          ))}
          <span className="dim">{s.packages.join(', ') || t('exceptions.wholeImage')}</span>
        </Text>
      ) },
      { id: 'where', header: t('exceptions.where'), cell: ({ row: { original: s } }) => (
        <Text size="xs" ff="monospace" style={{ overflowWrap: 'anywhere' }}>{s.image || (s.digest ? `${s.digest.slice(0, 19)}…` : '–')}</Text>
      ) },
      { id: 'about', header: t('exceptions.about'), cell: ({ row: { original: s } }) => (
        <Stack gap={2}>
          {s.exception && <Text size="xs" ff="monospace" style={{ overflowWrap: 'anywhere' }}>{s.exception}</Text>}
          {s.state && <Text size="xs">{t(`exceptions.states.${s.state}`)}</Text>}
          {s.why && <Text size="xs" lang="en" style={{ overflowWrap: 'anywhere' }}>{s.why}</Text>}
          <Text size="xs" c="dimmed" lang="en" style={{ overflowWrap: 'anywhere' }}>{s.statement}</Text>
        </Stack>
      ) },
    ],
    [t, kept],
  )
  const whole = n.requested === all.length && of.others === 0
  return (
    <Stack gap="xs">
      <div ref={said} tabIndex={-1} style={{ outline: 'none' }}>
        {kept ? (
          <Alert color={whole ? 'limpet' : 'yellow'} role="status" icon={whole ? <IconCheck size={18} /> : <IconAlertTriangle size={18} />}>
            {n.requested === 0 ? t('exceptions.askedNone') : n.requested === all.length ? t('exceptions.askedAll', { count: n.requested }) : t('exceptions.askedPart', { asked: n.requested, all: all.length })}
          </Alert>
        ) : all.length === 0 ? (
          <Alert color="yellow" role="status" title={t('exceptions.noStatements')} icon={<IconAlertTriangle size={18} />}>
            {t('exceptions.noStatementsHelp')}
          </Alert>
        ) : (
          <Alert color="blue" role="status" icon={<IconEye size={18} />}>
            {t('exceptions.wouldAsk', { format: of.format })}
          </Alert>
        )}
      </div>
      {of.others > 0 && <Text size="sm" c="dimmed">{t('exceptions.others', { count: of.others })}</Text>}
      {all.length > 0 && (
        <>
          <SegmentedControl
            size="xs"
            style={{ maxWidth: '100%', overflowX: 'auto', alignSelf: 'flex-start' }}
            value={only}
            onChange={(v) => setOnly(v as Outcome | 'all')}
            data={[
              { value: 'all', label: `${t('exceptions.outcomes.all')} (${all.length})` },
              ...outcomes.filter((o) => n[o] > 0).map((o) => ({ value: o, label: `${t(kept ? `exceptions.outcomes.${o}` : `exceptions.outcomesTried.${o}`)} (${n[o]})` })),
            ]}
            aria-label={t('exceptions.outcome')}
          />
          <div style={{ maxHeight: '42vh', overflow: 'auto' }} tabIndex={0} role="group" aria-label={t('exceptions.statement')}>
            <DataTable label={t('exceptions.import')} rows={only === 'all' ? all : all.filter((s) => s.outcome === only)} columns={columns} rowKey={(s) => String(all.indexOf(s))} />
          </div>
        </>
      )}
    </Stack>
  )
}
