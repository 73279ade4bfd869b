import { Group, NumberInput, Paper, Stack, TagsInput, Text, TextInput } from '@mantine/core'
import { ActionIcon } from '@mantine/core'
import { IconTrash } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import type { PolicyDocument } from '../../api/types'
import { parseLabels } from '../enforcers/GroupFields'
import type { Path } from './document'
import { isObject } from './fields'

interface Props {
  document: PolicyDocument
  put: (path: Path, value: unknown) => void
  readOnly: boolean
}

const strings = (v: unknown): string[] => (Array.isArray(v) ? v.map(String) : [])

export function ScopeFields({ document, put, readOnly }: Props) {
  const { t } = useTranslation()
  const scope = isObject(document.spec?.scope) ? document.spec.scope : {}
  const days = document.spec?.enforceAfterDays
  return (
    <Stack gap="sm">
      <TagsInput size="xs" label={t('policies.scopeImages')} placeholder="registry.example.com/**" value={strings(scope.images)} readOnly={readOnly} onChange={(v) => put(['spec', 'scope', 'images'], v)} />
      <TagsInput
        size="xs"
        label={t('policies.scopeLabels')}
        placeholder="team=web"
        value={isObject(scope.labels) ? Object.entries(scope.labels).map(([k, v]) => `${k}=${String(v)}`) : []}
        readOnly={readOnly}
        onChange={(v) => put(['spec', 'scope', 'labels'], parseLabels(v))}
      />
      <TagsInput size="xs" label={t('policies.scopeGroups')} value={strings(scope.groups)} readOnly={readOnly} onChange={(v) => put(['spec', 'scope', 'groups'], v)} />
      <NumberInput
        size="xs"
        w={260}
        label={t('policies.enforceAfterDays')}
        description={t('policies.enforceAfterDaysHelp')}
        min={0}
        max={3650}
        allowDecimal={false}
        value={typeof days === 'number' ? days : ''}
        readOnly={readOnly}
        onChange={(v) => put(['spec', 'enforceAfterDays'], v === '' || v === 0 ? undefined : Number(v))}
      />
    </Stack>
  )
}

// Exceptions shows what the policy leaves out. "Allow this" on an event adds
// to it; finer changes are made in the YAML.
export function Exceptions({ document, put, readOnly }: Props) {
  const { t } = useTranslation()
  const list: unknown[] = Array.isArray(document.spec?.exceptions) ? document.spec.exceptions : []
  if (list.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        {t('policies.noExceptions')}
      </Text>
    )
  }
  return (
    <Stack gap="xs">
      {list.map((item, i) => {
        const x = isObject(item) ? item : {}
        const rest = Object.entries(x).filter(([k]) => k !== 'name' && k !== 'reason')
        return (
          <Paper key={i} p="sm">
            <Group justify="space-between" wrap="nowrap" align="flex-start">
              <Stack gap={4} flex={1} miw={0}>
                <TextInput size="xs" aria-label={t('common.name')} value={String(x.name ?? '')} readOnly={readOnly} onChange={(e) => put(['spec', 'exceptions', i, 'name'], e.currentTarget.value)} />
                {typeof x.reason === 'string' && (
                  <Text size="xs" c="dimmed">
                    {x.reason}
                  </Text>
                )}
                {rest.map(([k, v]) => (
                  <Text key={k} size="xs" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
                    {k}: {Array.isArray(v) ? v.join(', ') : String(v)}
                  </Text>
                ))}
              </Stack>
              {!readOnly && (
                <ActionIcon size="sm" variant="subtle" color="red" aria-label={t('policies.removeRule', { n: i + 1 })} onClick={() => put(['spec', 'exceptions'], list.filter((_, j) => j !== i))}>
                  <IconTrash size={14} />
                </ActionIcon>
              )}
            </Group>
          </Paper>
        )
      })}
    </Stack>
  )
}
