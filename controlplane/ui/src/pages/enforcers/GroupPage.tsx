import { Alert, Button, Group as Row, Stack, Tabs, Text } from '@mantine/core'
import { IconTrash } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { groupQuery } from '../../api/queries'
import type { GroupSearch } from '../../app/search'
import { useMay } from '../../app/session'
import { PageHeader } from '../../parts/PageHeader'
import { Labels, ModeBadge } from '../../parts/badges'
import { Loading, ProblemAlert } from '../../parts/states'
import { DeleteGroup } from './DeleteGroup'
import { Effective } from './Effective'
import { Connected } from './GroupList'
import { GroupSettings } from './GroupSettings'
import { Install } from './Install'
import { Learning } from '../learning/Learning'
import { Simulate } from '../learning/Simulate'
import { JoinTokens } from './JoinTokens'
import { MemberList } from './MemberList'

const route = getRouteApi('/shell/enforcers/groups/$group')

export function GroupPage() {
  const { t } = useTranslation()
  const { group: name } = route.useParams()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const leave = useNavigate()
  const mayWrite = useMay('groups')
  const [deleting, setDeleting] = useState(false)
  const query = useQuery({ ...groupQuery(name), refetchInterval: 10_000 })
  const tab = search.tab ?? 'members'
  const g = query.data?.value
  const set = (part: GroupSearch) => void navigate({ search: part, replace: true })
  return (
    <>
      <PageHeader
        title={name}
        back={{ to: '/enforcers', label: t('enforcers.title') }}
        badge={g && <ModeBadge mode={g.mode} />}
        lead={
          g && (
            <Stack gap={4}>
              {g.description && <span>{g.description}</span>}
              <Row gap="md">
                <Connected group={g} />
                <Labels labels={g.labels} />
              </Row>
            </Stack>
          )
        }
        actions={
          g && mayWrite && (
            <Button variant="subtle" color="red" size="xs" leftSection={<IconTrash size={15} />} onClick={() => setDeleting(true)}>
              {t('enforcers.delete')}
            </Button>
          )
        }
      />
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} mb="md" />
      {query.isPending && <Loading />}
      {g && (
        <Tabs value={tab} onChange={(v) => set({ tab: v === 'members' ? undefined : (v as GroupSearch['tab']) })}>
          <Tabs.List mb="md">
            <Tabs.Tab value="members">{t('enforcers.tabs.members')}</Tabs.Tab>
            <Tabs.Tab value="effective">{t('enforcers.tabs.effective')}</Tabs.Tab>
            <Tabs.Tab value="learning">{t('learning.tab')}</Tabs.Tab>
            <Tabs.Tab value="simulate">{t('learning.simulateTab')}</Tabs.Tab>
            <Tabs.Tab value="install">{t('enforcers.tabs.install')}</Tabs.Tab>
            <Tabs.Tab value="settings">{t('enforcers.tabs.settings')}</Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="members">
            {g.mode === 'audit' && (g.members?.total ?? 0) > 0 && (
              <Alert color="yellow" mb="md">
                <Text size="sm">{t('enforcers.auditHint')}</Text>
              </Alert>
            )}
            <MemberList filter={{ group: name }} sort={search.sort} onSort={(sort) => set({ ...search, sort })} />
          </Tabs.Panel>
          <Tabs.Panel value="effective">
            <Effective group={g} />
          </Tabs.Panel>
          <Tabs.Panel value="learning">
            {query.data && tab === 'learning' && <Learning loaded={query.data} search={search} onSearch={set} />}
          </Tabs.Panel>
          <Tabs.Panel value="simulate">{tab === 'simulate' && <Simulate group={name} search={search} onSearch={set} />}</Tabs.Panel>
          <Tabs.Panel value="install">
            <Stack gap="xl">
              <Install group={name} />
              <JoinTokens group={name} />
            </Stack>
          </Tabs.Panel>
          <Tabs.Panel value="settings">
            {query.data && <GroupSettings key={query.data.etag} loaded={query.data} readOnly={!mayWrite} />}
          </Tabs.Panel>
        </Tabs>
      )}
      {deleting && g && <DeleteGroup group={g} onClose={() => setDeleting(false)} onDone={() => void leave({ to: '/enforcers' })} />}
    </>
  )
}
