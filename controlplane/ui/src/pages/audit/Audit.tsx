import { Badge, Group, Modal, Text } from '@mantine/core'
import { IconHistory, IconUser } from '@tabler/icons-react'
import { useInfiniteQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { auditQuery } from '../../api/queries'
import type { AuditEntry } from '../../api/types'
import { narrow, type AuditSearch } from '../../app/search'
import { DiffView } from '../../parts/DiffView'
import { FilterSelect } from '../../parts/FilterSelect'
import { PagedTable, useRows } from '../../parts/PagedTable'
import { PageHeader } from '../../parts/PageHeader'
import { SearchField } from '../../parts/SearchField'
import { Empty } from '../../parts/states'
import { absolute, When } from '../../parts/When'

const route = getRouteApi('/shell/audit')
const kinds = ['policy', 'group', 'join-token', 'enforcer', 'user', 'token', 'session', 'reputation list', 'image'] as const
const actions = ['create', 'update', 'delete', 'enroll', 'login', 'login-failed', 'setup', 'change-password', 'revoke', 'restore'] as const

export function AuditPage() {
  const { t, i18n } = useTranslation()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const set = (part: Partial<AuditSearch>) => void navigate({ search: (s) => narrow(s, part), replace: true })
  const query = useInfiniteQuery(auditQuery({ actor: search.actor, action: search.action, objectKind: search.objectKind }))
  const rows = useRows(query)
  const open = rows.find((r) => r.id === search.open)
  const columns = useMemo<ColumnDef<AuditEntry>[]>(
    () => [
      { id: 'at', header: t('audit.at'), cell: ({ row }) => <When at={row.original.at} />, meta: { width: 150 } },
      { id: 'actor', header: t('audit.actor'), cell: ({ row }) => row.original.actor },
      {
        id: 'action',
        header: t('audit.action'),
        cell: ({ row }) => (
          <Badge color={tone(row.original.action)}>{t(`audit.actions.${row.original.action as 'create'}`, { defaultValue: row.original.action })}</Badge>
        ),
      },
      {
        id: 'object',
        header: t('audit.object'),
        cell: ({ row: { original: a } }) => (
          <>
            <Text component="span" size="xs" c="dimmed">
              {t(`audit.kinds.${(a.objectKind ?? '') as 'policy'}`, { defaultValue: a.objectKind ?? '' })}
            </Text>{' '}
            {a.objectName}
          </>
        ),
      },
      { id: 'from', header: t('audit.from'), cell: ({ row }) => <span className="mono">{row.original.remoteAddr || '–'}</span> },
    ],
    [t],
  )
  const filtered = Boolean(search.actor || search.action || search.objectKind)
  return (
    <>
      <PageHeader title={t('nav.audit')} lead={t('audit.lead')} />
      <Group gap="xs" mb="sm" role="search">
        <SearchField label={t('audit.actor')} icon={<IconUser size={14} />} width={220} value={search.actor} onChange={(actor) => set({ actor })} />
        <FilterSelect label={t('audit.action')} values={actions} name={(a) => t(`audit.actions.${a}`)} width={170} value={search.action} onChange={(action) => set({ action })} />
        <FilterSelect label={t('audit.object')} values={kinds} name={(k) => t(`audit.kinds.${k}`)} width={170} value={search.objectKind} onChange={(objectKind) => set({ objectKind })} />
      </Group>
      <PagedTable
        query={query}
        label={t('nav.audit')}
        columns={columns}
        rowKey={(a) => a.id}
        onRow={(a) => set({ open: a.id })}
        rowButton
        fileName="limpet-audit"
        empty={
          <Empty icon={<IconHistory size={26} />} title={filtered ? t('audit.noneMatch') : t('audit.none')}>
            {t('audit.noneHelp')}
          </Empty>
        }
      />
      <Modal
        opened={open !== undefined}
        onClose={() => set({ open: undefined })}
        size="xl"
        title={open && `${open.actor} · ${t(`audit.actions.${open.action as 'create'}`, { defaultValue: open.action })} · ${open.objectName ?? ''}`}
        closeButtonProps={{ 'aria-label': t('common.close') }}
      >
        {open && (
          <>
            <Text size="sm" c="dimmed" mb="sm">
              {absolute(open.at, i18n.language)} · {open.remoteAddr}
            </Text>
            <DiffView before={pretty(open.before)} after={pretty(open.after)} />
          </>
        )}
      </Modal>
    </>
  )
}

function tone(action: string): string {
  if (action === 'delete') return 'red'
  if (action === 'login-failed') return 'orange'
  return action === 'create' || action === 'setup' ? 'limpet' : 'gray'
}

// pretty writes a recorded object for a line-by-line comparison; YAML inside
// it keeps its lines.
export function pretty(v: unknown): string {
  if (v === undefined || v === null) return ''
  if (typeof v === 'object' && 'yaml' in v && typeof v.yaml === 'string') return v.yaml
  return JSON.stringify(v, null, 2)
}
