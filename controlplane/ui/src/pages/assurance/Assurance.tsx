import { Text } from '@mantine/core'
import { IconCertificate } from '@tabler/icons-react'
import { getRouteApi } from '@tanstack/react-router'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { Policy } from '../../api/types'
import { isObject } from '../policies/fields'
import { assuranceKind } from '../policies/kind'
import { PolicyList } from '../policies/PolicyList'

const route = getRouteApi('/shell/assurance')

export function AssurancePage() {
  const { t } = useTranslation()
  const navigate = route.useNavigate()
  const where = useMemo<ColumnDef<Policy>>(
    () => ({
      id: 'scope',
      header: t('assurance.for'),
      cell: ({ row }) => (
        <Text size="xs" ff="monospace" miw={160} style={{ overflowWrap: 'anywhere' }}>
          {scopeOf(row.original) || <span className="dim">{t('assurance.everything')}</span>}
        </Text>
      ),
    }),
    [t],
  )
  return (
    <PolicyList
      kind={assuranceKind}
      search={route.useSearch()}
      change={(part) => void navigate({ search: (s) => ({ ...s, ...part }), replace: true })}
      icon={<IconCertificate size={26} />}
      lead={t('assurance.lead')}
      none={t('assurance.noneHelp')}
      where={where}
    />
  )
}

// scopeOf says in a line which artefacts a policy is for.
export function scopeOf(p: Policy): string {
  const scope = isObject(p.document?.spec?.scope) ? p.document.spec.scope : {}
  const list = (v: unknown) => (Array.isArray(v) ? v.map(String) : [])
  const labels = isObject(scope.labels) ? Object.entries(scope.labels).map(([k, v]) => `${k}=${String(v)}`) : []
  return [...list(scope.images), ...labels, ...list(scope.kinds), ...list(scope.stages)].join(', ')
}
