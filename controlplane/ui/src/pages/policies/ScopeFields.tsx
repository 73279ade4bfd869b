import { NumberInput, Stack, TagsInput, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { exceptionFieldsQuery } from '../../api/queries'
import type { PolicyDocument, PolicyError } from '../../api/types'
import { ProblemAlert } from '../../parts/states'
import { parseLabels } from '../enforcers/GroupFields'
import type { Path } from './document'
import { FieldList, isObject } from './fields'

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

// Exceptions edits what the policy leaves out, by the server's description of
// an exception. "Allow this" on an event adds to it too.
export function Exceptions({ document, put, readOnly, errors }: Props & { errors: PolicyError[] }) {
  const { t } = useTranslation()
  const fields = useQuery(exceptionFieldsQuery)
  const list: unknown[] = Array.isArray(document.spec?.exceptions) ? document.spec.exceptions : []
  if (!fields.data) return <ProblemAlert error={fields.error} onRetry={() => void fields.refetch()} />
  return (
    <Stack gap="xs">
      {list.length === 0 && (
        <Text size="sm" c="dimmed">
          {t('policies.noExceptions')}
        </Text>
      )}
      <FieldList
        fields={[{ name: 'exceptions', type: 'list', items: 'object', available: true, fields: fields.data }]}
        values={isObject(document.spec) ? document.spec : {}}
        errors={errors}
        base="spec"
        readOnly={readOnly}
        put={(path, v) => put(['spec', ...path], v)}
      />
    </Stack>
  )
}
