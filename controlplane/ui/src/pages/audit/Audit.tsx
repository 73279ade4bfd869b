import { Badge, Button, Group, Modal, Select, Text, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { IconHistory, IconUser } from '@tabler/icons-react'
import { useInfiniteQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { auditQuery } from '../../api/queries'
import type { AuditEntry } from '../../api/types'
import type { AuditSearch } from '../../app/search'
import { DataTable } from '../../parts/DataTable'
import { DiffView } from '../../parts/DiffView'
import { PageHeader } from '../../parts/PageHeader'
import { Empty, Loading, ProblemAlert } from '../../parts/states'
import { absolute, When } from '../../parts/When'

const route = getRouteApi('/shell/audit')
const kinds = ['policy', 'group', 'join-token', 'enforcer', 'user', 'token', 'session'] as const
const actions = ['create', 'update', 'delete', 'enroll', 'login', 'login-failed', 'setup', 'change-password'] as const

export function AuditPage() {
  const { t, i18n } = useTranslation()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const set = (part: Partial<AuditSearch>) =>
    void navigate({ search: (s) => Object.fromEntries(Object.entries({ ...s, ...part }).filter(([, v]) => v !== undefined)), replace: true })
  const query = useInfiniteQuery(auditQuery({ actor: search.actor, action: search.action, objectKind: search.objectKind }))
  const [actor, setActor] = useState(search.actor ?? '')
  const setLater = useDebouncedCallback((v: string) => set({ actor: v.trim() || undefined }), 400)
  const rows = useMemo(() => query.data?.pages.flatMap((p) => p.items ?? []) ?? [], [query.data])
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
        <TextInput
          data-page-search
          size="xs"
          w={220}
          leftSection={<IconUser size={14} />}
          placeholder={t('audit.actor')}
          aria-label={t('audit.actor')}
          value={actor}
          onChange={(e) => {
            setActor(e.currentTarget.value)
            setLater(e.currentTarget.value)
          }}
        />
        <Select
          size="xs"
          w={170}
          placeholder={t('audit.action')}
          aria-label={t('audit.action')}
          data={actions.map((a) => ({ value: a, label: t(`audit.actions.${a}`) }))}
          value={search.action ?? null}
          onChange={(v) => set({ action: v ?? undefined })}
          clearable
        />
        <Select
          size="xs"
          w={170}
          placeholder={t('audit.object')}
          aria-label={t('audit.object')}
          data={kinds.map((k) => ({ value: k, label: t(`audit.kinds.${k}`) }))}
          value={search.objectKind ?? null}
          onChange={(v) => set({ objectKind: v ?? undefined })}
          clearable
        />
      </Group>
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} mb="sm" />
      {query.isPending && <Loading rows={8} />}
      {query.data && rows.length === 0 && (
        <Empty icon={<IconHistory size={26} />} title={filtered ? t('audit.noneMatch') : t('audit.none')}>
          {t('audit.noneHelp')}
        </Empty>
      )}
      {rows.length > 0 && (
        <>
          <DataTable label={t('nav.audit')} rows={rows} columns={columns} rowKey={(a) => a.id} onRow={(a) => set({ open: a.id })} fileName="limpet-audit" />
          {query.hasNextPage && (
            <Group justify="center" mt="sm">
              <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                {t('common.more')}
              </Button>
            </Group>
          )}
        </>
      )}
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
