import { IconShieldCog } from '@tabler/icons-react'
import { getRouteApi } from '@tanstack/react-router'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { Policy } from '../../api/types'
import { runtimeKind } from './kind'
import { PolicyList } from './PolicyList'

const route = getRouteApi('/shell/policies')

export function PoliciesPage() {
  const { t } = useTranslation()
  const navigate = route.useNavigate()
  const where = useMemo<ColumnDef<Policy>>(
    () => ({
      id: 'groups',
      header: t('policies.groups'),
      cell: ({ row }) => (row.original.groups?.length ? row.original.groups.join(', ') : <span className="dim">{t('policies.notAssigned')}</span>),
    }),
    [t],
  )
  return (
    <PolicyList
      kind={runtimeKind}
      search={route.useSearch()}
      change={(part) => void navigate({ search: (s) => ({ ...s, ...part }), replace: true })}
      icon={<IconShieldCog size={26} />}
      lead={t('policies.lead')}
      none={t('policies.noneHelp')}
      where={where}
    />
  )
}
