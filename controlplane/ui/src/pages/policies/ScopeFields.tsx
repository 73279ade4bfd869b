import { NumberInput, Stack, TagsInput } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import type { PolicyDocument } from '../../api/types'
import { parseLabels } from '../enforcers/GroupFields'
import type { Path } from './document'
import { isObject } from './fields'

export interface DocumentProps {
  document: PolicyDocument
  put: (path: Path, value: unknown) => void
  readOnly: boolean
}

const strings = (v: unknown): string[] => (Array.isArray(v) ? v.map(String) : [])

export function ScopeFields({ document, put, readOnly }: DocumentProps) {
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
