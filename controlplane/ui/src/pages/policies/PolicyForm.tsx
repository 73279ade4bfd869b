import { Accordion, Badge, Box, Group, Paper, SegmentedControl, Stack, Text, Textarea, TextInput, Title, UnstyledButton } from '@mantine/core'
import { IconChevronDown, IconChevronRight, IconSearch } from '@tabler/icons-react'
import { memo, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { ControlField, ControlInfo, Mode, PolicyDocument, PolicyError } from '../../api/types'
import { Loading, ProblemAlert } from '../../parts/states'
import { Unavailable } from '../../parts/badges'
import { Command } from '../../parts/Command'
import { controls, fromExample, modeOf, set, setMode, type Path } from './document'
import { FieldList } from './fields'
import { PlatformChips, PlatformLegend, PlatformTable } from './Platforms'
import { Exceptions } from './Exceptions'
import { useCatalogue, useKind, useTitles } from './kind'
import { ScopeFields } from './ScopeFields'
import { Vocabulary } from './Vocabulary'

interface Props {
  text: string
  document: PolicyDocument
  onText: (t: string) => void
  errors: PolicyError[]
  readOnly: boolean
  open?: string
  onOpen: (c: string | undefined) => void
}

export function PolicyForm({ text, document, onText, errors, readOnly, open, onOpen }: Props) {
  const { t } = useTranslation()
  const kind = useKind()
  const catalogue = useCatalogue()
  const titles = useTitles()
  const [find, setFind] = useState('')
  const [onlySet, setOnlySet] = useState(false)
  const put = (path: Path, value: unknown) => onText(set(text, path, value))
  // One set of callbacks for the life of the form: a row that says the same is
  // not drawn again for every key that is typed elsewhere.
  const latest = useRef({ text, onText, open, onOpen })
  useLayoutEffect(() => {
    latest.current = { text, onText, open, onOpen }
  })
  const act = useMemo<RowActions>(
    () => ({
      toggle: (id) => latest.current.onOpen(latest.current.open === id ? undefined : id),
      mode: (c, m) => latest.current.onText(setMode(latest.current.text, c.id, m, requiredDefaults(c))),
      put: (id, path, v) => latest.current.onText(set(latest.current.text, ['spec', 'controls', id, ...path], v)),
    }),
    [],
  )
  const all = (catalogue.items ?? []).filter((c) => !c.fixed)
  const isSet = (c: ControlInfo) => modeOf(document, c.id) !== undefined
  const words = find.trim().toLowerCase()
  const shown = all.filter(
    (c) =>
      c.id === open ||
      ((!onlySet || isSet(c)) && (words === '' || [c.id, titles.title(c.id), titles.description(c.id).text].some((x) => (x ?? '').toLowerCase().includes(words)))),
  )
  const categories = [...new Set([...kind.order, ...all.map((c) => c.category)])].filter((x) => shown.some((c) => c.category === x))
  return (
    <Stack gap="md">
      <Paper p="md">
        <Stack gap="sm">
          <TextInput
            label={t('common.name')}
            value={document.metadata?.name ?? ''}
            readOnly={readOnly}
            maxLength={63}
            onChange={(e) => put(['metadata', 'name'], e.currentTarget.value)}
            error={messageAt(errors, 'metadata.name')}
          />
          <Textarea
            label={t('common.description')}
            autosize
            minRows={1}
            value={document.metadata?.description ?? ''}
            readOnly={readOnly}
            onChange={(e) => put(['metadata', 'description'], e.currentTarget.value)}
          />
          <Accordion variant="contained" chevronPosition="left">
            <Accordion.Item value="scope">
              <Accordion.Control>
                <Text size="sm" fw={600}>
                  {t(kind.id === 'assurance' ? 'assurance.scope' : 'policies.scope')}
                </Text>
                <Text size="xs" c="dimmed">
                  {t(kind.id === 'assurance' ? 'assurance.scopeHelp' : 'policies.scopeHelp')}
                </Text>
              </Accordion.Control>
              <Accordion.Panel>
                {kind.id === 'policies' ? (
                  <ScopeFields document={document} put={put} readOnly={readOnly} />
                ) : (
                  <FieldList fields={catalogue.spec ?? []} values={document.spec ?? {}} errors={errors} base="spec" readOnly={readOnly} put={(path, v) => put(['spec', ...path], v)} />
                )}
              </Accordion.Panel>
            </Accordion.Item>
            <Accordion.Item value="exceptions">
              <Accordion.Control>
                <Group gap="xs">
                  <Text size="sm" fw={600}>
                    {t('policies.exceptions')}
                  </Text>
                  <Badge color="gray" size="sm">
                    {Array.isArray(document.spec?.exceptions) ? document.spec.exceptions.length : 0}
                  </Badge>
                </Group>
                <Text size="xs" c="dimmed">
                  {t('policies.exceptionsHelp')}
                </Text>
              </Accordion.Control>
              <Accordion.Panel>
                <Exceptions document={document} put={put} readOnly={readOnly} errors={errors} />
              </Accordion.Panel>
            </Accordion.Item>
          </Accordion>
        </Stack>
      </Paper>
      <ProblemAlert error={catalogue.error} onRetry={catalogue.refetch} />
      {catalogue.isPending && <Loading />}
      {kind.id === 'policies' && (
        <PlatformLegend />
      )}
      {all.length > 0 && (
        <Group gap="xs">
          <TextInput
            data-page-search
            size="xs"
            w={220}
            leftSection={<IconSearch size={14} />}
            placeholder={t('policies.findControl')}
            aria-label={t('policies.findControl')}
            value={find}
            onChange={(e) => setFind(e.currentTarget.value)}
          />
          <SegmentedControl
            size="xs"
            value={onlySet ? 'set' : 'all'}
            onChange={(v) => setOnlySet(v === 'set')}
            aria-label={t('policies.controls')}
            data={[
              { value: 'all', label: t('policies.allControls', { count: all.length }) },
              { value: 'set', label: t('policies.setControls', { count: all.filter(isSet).length }) },
            ]}
          />
        </Group>
      )}
      {all.length > 0 && shown.length === 0 && (
        <Text size="sm" c="dimmed" role="status">
          {t('policies.noControl')}
        </Text>
      )}
      {categories.map((category) => (
        <section key={category}>
          <Title order={3} mb={6}>
            {t(`category.${category as 'executables'}`, { defaultValue: category })}
          </Title>
          <Paper>
            {shown
              .filter((c) => c.category === category)
              .map((c) => (
                <ControlRow
                  key={c.id}
                  info={c}
                  mode={modeOf(document, c.id)}
                  values={controls(document)[c.id]}
                  errors={errors.filter((e) => e.path === `spec.controls.${c.id}` || e.path?.startsWith(`spec.controls.${c.id}.`))}
                  readOnly={readOnly}
                  opened={open === c.id}
                  act={act}
                />
              ))}
          </Paper>
        </section>
      ))}
    </Stack>
  )
}

export function messageAt(errors: PolicyError[], path: string): string | undefined {
  return errors.find((e) => e.path === path)?.message
}

// What a control must have beside its mode to be valid, so that switching it
// on in the form does not make the policy invalid.
function requiredDefaults(c: ControlInfo): Record<string, unknown> {
  const out: Record<string, unknown> = fromExample(c.example)
  if (c.example) return out
  for (const f of c.fields ?? []) {
    if (f.name === 'mode' || !f.required) continue
    if (f.type === 'integer') out[f.name] = Math.max(f.minimum ?? 0, 1024)
    else if (f.enum?.[0]) out[f.name] = f.enum[0]
  }
  return out
}

interface RowProps {
  info: ControlInfo
  mode?: Mode
  values?: Record<string, unknown>
  errors: PolicyError[]
  readOnly: boolean
  opened: boolean
  act: RowActions
}

interface RowActions {
  toggle: (id: string) => void
  mode: (c: ControlInfo, m: Mode) => void
  put: (id: string, path: Path, value: unknown) => void
}

function sameRow(a: RowProps, b: RowProps): boolean {
  return (
    a.info === b.info && a.mode === b.mode && a.readOnly === b.readOnly && a.opened === b.opened && a.act === b.act &&
    JSON.stringify(a.values) === JSON.stringify(b.values) && JSON.stringify(a.errors) === JSON.stringify(b.errors)
  )
}

const colour: Record<Mode, string | undefined> = { off: undefined, audit: 'yellow', enforce: 'limpet', warn: '#c2410c', block: 'red.9' }

const ControlRow = memo(function ControlRow({ info, mode, values, errors, readOnly, opened, act }: RowProps) {
  const { t } = useTranslation()
  const kind = useKind()
  const text = useTitles()
  const row = useRef<HTMLDivElement>(null)
  const [arrived] = useState(opened)
  // A link to one control ("?control=drift") leads to its row.
  useEffect(() => {
    if (arrived) row.current?.scrollIntoView({ block: 'center' })
  }, [arrived])
  const now = mode ?? 'off'
  const about = text.description(info.id)
  const fields = (info.fields ?? []).filter((f: ControlField) => f.name !== 'mode')
  return (
    <div className="control-row" ref={row} data-control={info.id}>
      <Group justify="space-between" wrap="nowrap" align="flex-start" gap="sm">
        <UnstyledButton onClick={() => act.toggle(info.id)} aria-expanded={opened} flex={1} miw={0}>
          <Group gap={6} wrap="nowrap" align="flex-start">
            {opened ? <IconChevronDown size={15} className="chevron" /> : <IconChevronRight size={15} className="chevron" />}
            <div>
              <Group gap={6}>
                <Text size="sm" fw={600} component="span">
                  {text.title(info.id)}
                </Text>
                {!info.available && <Unavailable reason={info.reason} />}
                {errors.length > 0 && (
                  <Badge color="red" size="sm">
                    {t('policies.errors', { count: errors.length })}
                  </Badge>
                )}
              </Group>
              <Text size="xs" c="dimmed" lang={about.lang}>
                {about.text}
              </Text>
              {kind.id === 'policies' && <PlatformChips control={info.id} mode={now} />}
            </div>
          </Group>
        </UnstyledButton>
        <SegmentedControl
          size="xs"
          value={now}
          readOnly={readOnly}
          color={colour[now]}
          autoContrast
          onChange={(v) => act.mode(info, v as Mode)}
          aria-label={t('policies.modeOf', { control: text.title(info.id) })}
          data={kind.modes.map((m) => ({ value: m, label: t(`mode.${m}`) }))}
        />
      </Group>
      {opened && (
        <Box pl={21} pt="sm">
          {!mode && (
            <Text size="xs" c="dimmed" mb="xs">
              {t('policies.notSet')}
            </Text>
          )}
          <FieldList
            fields={fields}
            values={values ?? {}}
            errors={errors}
            base={`spec.controls.${info.id}`}
            readOnly={readOnly || !mode}
            put={(path, v) => act.put(info.id, path, v)}
          />
          {kind.id === 'policies' && <PlatformTable control={info.id} />}
          <Vocabulary control={info.id} />
          {info.example && (
            <Box mt="sm">
              <Text size="xs" c="dimmed" mb={4}>
                {t('assurance.example')}
              </Text>
              <Command text={info.example} label={t('assurance.example')} />
            </Box>
          )}
          {!info.available && (
            <Text size="xs" c="dimmed" mt="xs">
              {t('controlState.unavailableWhy')}
            </Text>
          )}
        </Box>
      )}
    </div>
  )
}, sameRow)
