import { ActionIcon, Button, Group, MultiSelect, NumberInput, Paper, Select, Stack, Switch, TagsInput, Text, TextInput } from '@mantine/core'
import { IconPlus, IconTrash } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import type { ControlField, PolicyError } from '../../api/types'
import { useWords } from '../../parts/words'
import type { Path } from './document'
import { useTitles } from './kind'

interface ListProps {
  fields: ControlField[]
  values: Record<string, unknown>
  errors: PolicyError[]
  base: string // path of `values` in the document, as errors give it
  readOnly: boolean
  put: (path: Path, value: unknown) => void
}

// FieldList is the form of one object, made from the server's description of
// its keys.
export function FieldList({ fields, values, errors, base, readOnly, put }: ListProps) {
  return (
    <Stack gap="sm">
      {fields.map((f) => (
        <Field
          key={f.name}
          field={f}
          value={values[f.name]}
          errors={errors}
          path={`${base}.${f.name}`}
          readOnly={readOnly}
          put={(path, v) => put([f.name, ...path], v)}
        />
      ))}
    </Stack>
  )
}

interface FieldProps {
  field: ControlField
  value: unknown
  errors: PolicyError[]
  path: string
  readOnly: boolean
  put: (path: Path, value: unknown) => void
}

function Field({ field: f, value, errors, path, readOnly, put }: FieldProps) {
  const { t } = useTranslation()
  const words = useWords()
  const control = useTitles()
  const label = t(`field.${f.name as 'mode'}`, { defaultValue: f.name })
  const said = words(f.description)
  const help = [said.text, f.available === false ? t('policies.fieldNotYet') : '']
    .filter(Boolean)
    .join(' ')
  const mine = errors.filter((e) => e.path === path || e.path?.startsWith(`${path}[`))
  const shared = { label, description: help, readOnly, error: mine.length > 0 ? mine.map((e) => e.message).join(' ') : undefined, size: 'xs' as const }

  if (f.type === 'boolean') {
    return (
      <Switch
        size="xs"
        label={label}
        description={help}
        error={shared.error}
        checked={value === true}
        disabled={readOnly}
        onChange={(e) => put([], e.currentTarget.checked || undefined)}
      />
    )
  }
  if (f.type === 'integer' || f.type === 'number') {
    return (
      <NumberInput
        {...shared}
        w={220}
        min={f.minimum}
        max={f.maximum || undefined}
        allowDecimal={f.type === 'number'}
        clampBehavior="none"
        value={typeof value === 'number' ? value : ''}
        onChange={(v) => put([], v === '' ? undefined : Number(v))}
      />
    )
  }
  if (f.type === 'list') {
    const list = Array.isArray(value) ? value : []
    if (f.items === 'object' || (f.fields?.length ?? 0) > 0) {
      return <ObjectList field={f} list={list} label={label} help={help} errors={errors} path={path} readOnly={readOnly} put={put} />
    }
    const texts = list.map(String)
    if (f.enum && f.enum.length > 0) {
      return (
        <MultiSelect {...shared} data={[...new Set([...f.enum, ...texts])].map((v) => ({ value: v, label: f.name === 'controls' ? control.title(v) : v }))} value={texts} onChange={(v) => put([], v)} searchable={f.enum.length > 8} hidePickedOptions />
      )
    }
    return (
      <TagsInput
        {...shared}
        value={texts}
        onChange={(v) => put([], v)}
        splitChars={[',', '\n']}
        placeholder={texts.length === 0 ? example(f.format) : undefined}
        styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
      />
    )
  }
  if (f.type === 'object') {
    if (f.fields && f.fields.length > 0) {
      return (
        <Paper p="sm">
          <Text size="xs" fw={600} mb="xs">
            {label}
          </Text>
          <FieldList fields={f.fields} values={isObject(value) ? value : {}} errors={errors} base={path} readOnly={readOnly} put={put} />
        </Paper>
      )
    }
    return (
      <TagsInput
        {...shared}
        value={isObject(value) ? Object.entries(value).map(([k, v]) => `${k}=${String(v)}`) : []}
        onChange={(tags) => put([], Object.fromEntries(tags.map((x) => [x.split('=')[0] ?? x, x.split('=').slice(1).join('=')])))}
        placeholder="key=value"
      />
    )
  }
  if (f.enum && f.enum.length > 0) {
    return (
      <Select
        {...shared}
        w={260}
        data={f.enum.map((v) => ({ value: v, label: t(`enum.${v as 'deny'}`, { defaultValue: v }) }))}
        value={typeof value === 'string' ? value : null}
        onChange={(v) => put([], v ?? undefined)}
        clearable={!f.required}
      />
    )
  }
  return <TextInput {...shared} placeholder={example(f.format)} value={value === undefined || value === null ? '' : String(value)} onChange={(e) => put([], e.currentTarget.value)} />
}

function ObjectList({ field: f, list, label, help, errors, path, readOnly, put }: Omit<FieldProps, 'value'> & { list: unknown[]; label: string; help: string }) {
  const { t } = useTranslation()
  return (
    <div>
      <Text size="xs" fw={500}>
        {label}
      </Text>
      <Text size="xs" c="dimmed" mb={6}>
        {help}
      </Text>
      <Stack gap="xs">
        {list.map((item, i) => (
          <Paper key={i} p="sm">
            <Group justify="space-between" mb={4}>
              <Text size="xs" c="dimmed" ff="monospace">
                {f.name}[{i}]
              </Text>
              {!readOnly && (
                <ActionIcon
                  size="sm"
                  variant="subtle"
                  color="red"
                  aria-label={t('policies.removeRule', { n: i + 1 })}
                  onClick={() => put([], list.filter((_, j) => j !== i))}
                >
                  <IconTrash size={14} />
                </ActionIcon>
              )}
            </Group>
            <FieldList
              fields={f.fields ?? []}
              values={isObject(item) ? item : {}}
              errors={errors}
              base={`${path}[${i}]`}
              readOnly={readOnly}
              put={(p, v) => put([i, ...p], v)}
            />
          </Paper>
        ))}
        {!readOnly && (
          <Button
            size="compact-xs"
            variant="light"
            w="fit-content"
            leftSection={<IconPlus size={13} />}
            onClick={() => put([], [...list, f.fields?.some((x) => x.name === 'name') ? { name: `rule-${list.length + 1}` } : {}])}
          >
            {t('policies.addRule')}
          </Button>
        )}
      </Stack>
    </div>
  )
}

export function isObject(v: unknown): v is Record<string, unknown> {
  return typeof v === 'object' && v !== null && !Array.isArray(v)
}

function example(format?: string): string | undefined {
  const of: Record<string, string> = {
    glob: '/usr/bin/**', name: 'curl', digest: 'sha256:…', user: 'www-data', cidr: '10.0.0.0/8', ports: '443, 8000-8999',
    dnsName: '*.example.com', time: '2027-03-31', syscall: 'ptrace', imageGlob: 'registry.example.com/**',
    publicKey: 'MCowBQYDK2VwAyEA…', policyWord: 'release@7',
  }
  return format ? of[format] : undefined
}
