import { Button, SegmentedControl, Group as Row, Select, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { IconPlus, IconSearch } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { groupsQuery } from '../../api/queries'
import type { EnforcersSearch } from '../../app/search'
import { useMay } from '../../app/session'
import { PageHeader } from '../../parts/PageHeader'
import { GroupList } from './GroupList'
import { MemberList } from './MemberList'

const AddGroup = lazy(() => import('./AddGroup').then((m) => ({ default: m.AddGroup })))
const route = getRouteApi('/shell/enforcers')

export function EnforcersPage() {
  const { t } = useTranslation()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const mayAdd = useMay('groups')
  const groups = useQuery(groupsQuery)
  const view = search.view ?? 'groups'
  const set = (part: Partial<EnforcersSearch>) => void navigate({ search: (s) => strip({ ...s, ...part }), replace: true })
  const [text, setText] = useState(search.q ?? '')
  const setLater = useDebouncedCallback((q: string) => set({ q: q.trim() || undefined }), 300)
  return (
    <>
      <PageHeader
        title={t('enforcers.title')}
        lead={t('enforcers.lead')}
        actions={
          mayAdd && (
            <Button leftSection={<IconPlus size={16} />} onClick={() => set({ add: true })}>
              {t('enforcers.add')}
            </Button>
          )
        }
      />
      <Row mb="sm" gap="xs">
        <SegmentedControl
          size="xs"
          value={view}
          onChange={(v) => set({ view: v === 'groups' ? undefined : 'enforcers', sort: undefined })}
          data={[
            { value: 'groups', label: t('enforcers.groupsView') },
            { value: 'enforcers', label: t('enforcers.enforcersView') },
          ]}
          aria-label={t('enforcers.view')}
        />
        <TextInput
          data-page-search
          size="xs"
          w={260}
          value={text}
          onChange={(e) => {
            setText(e.currentTarget.value)
            setLater(e.currentTarget.value)
          }}
          placeholder={view === 'groups' ? t('enforcers.searchGroups') : t('enforcers.searchEnforcers')}
          aria-label={view === 'groups' ? t('enforcers.searchGroups') : t('enforcers.searchEnforcers')}
          leftSection={<IconSearch size={14} />}
        />
        {view === 'enforcers' && (
          <>
            <Select
              size="xs"
              w={160}
              placeholder={t('events.group')}
              aria-label={t('events.group')}
              data={(groups.data?.items ?? []).map((g) => g.name)}
              value={search.group ?? null}
              onChange={(v) => set({ group: v ?? undefined })}
              clearable
            />
            <Select
              size="xs"
              w={150}
              placeholder={t('enforcers.state')}
              aria-label={t('enforcers.state')}
              data={[
                { value: 'connected', label: t('connection.connected') },
                { value: 'stale', label: t('connection.stale') },
              ]}
              value={search.state ?? null}
              onChange={(v) => set({ state: (v ?? undefined) as EnforcersSearch['state'] })}
              clearable
            />
          </>
        )}
      </Row>
      {view === 'groups' ? (
        <GroupList q={search.q} sort={search.sort} onSort={(sort) => set({ sort })} onAdd={() => set({ add: true })} />
      ) : (
        <MemberList
          filter={{ q: search.q, group: search.group, state: search.state }}
          sort={search.sort}
          onSort={(sort) => set({ sort })}
          showGroup
        />
      )}
      {search.add && mayAdd && (
        <Suspense>
          <AddGroup onClose={() => set({ add: undefined })} />
        </Suspense>
      )}
    </>
  )
}

function strip<T extends object>(o: T): T {
  return Object.fromEntries(Object.entries(o).filter(([, v]) => v !== undefined)) as T
}
