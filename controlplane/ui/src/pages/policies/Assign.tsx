import { Checkbox, Group as Row, Paper, Text } from '@mantine/core'
import { IconShieldPlus } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { getVersioned, put } from '../../api/client'
import { groupsQuery } from '../../api/queries'
import type { Group } from '../../api/types'
import { useMay } from '../../app/session'
import { ModeBadge } from '../../parts/badges'
import { Empty, Loading, ProblemAlert } from '../../parts/states'
import { AnchorLink } from '../../parts/links'

// Assign says which groups carry the policy. Each tick is one change of one
// group, made against the group as it is at that moment.
export function Assign({ policy }: { policy: string }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const mayWrite = useMay('groups')
  const query = useQuery({ ...groupsQuery, refetchInterval: false })
  const change = useMutation({
    mutationFn: async ({ group, on }: { group: string; on: boolean }) => {
      const path = `/groups/${encodeURIComponent(group)}`
      const { value: g, etag } = await getVersioned<Group>(path)
      const others = (g.policies ?? []).filter((p) => p !== policy)
      await put(path, {
        name: g.name, description: g.description, mode: g.mode, labels: g.labels ?? {}, onNoPolicy: g.onNoPolicy,
        policies: on ? [...others, policy] : others,
      }, etag)
    },
    onSettled: () => Promise.all([client.invalidateQueries({ queryKey: ['groups'] }), client.invalidateQueries({ queryKey: ['policies'], exact: true })]),
  })
  const groups = query.data?.items ?? []
  return (
    <>
      <Text size="sm" c="dimmed" mb="sm">
        {t('policies.assignLead')}
      </Text>
      <ProblemAlert error={query.error ?? change.error} onRetry={query.error ? () => void query.refetch() : undefined} mb="sm" />
      {query.isPending && <Loading rows={4} />}
      {query.data && groups.length === 0 && (
        <Empty icon={<IconShieldPlus size={26} />} title={t('enforcers.none')}>
          {t('enforcers.noneHelp')}
        </Empty>
      )}
      {groups.length > 0 && (
        <Paper maw={720}>
          {groups.map((g) => (
            <Row key={g.name} className="control-row" justify="space-between">
              <Checkbox
                label={g.name}
                description={g.description}
                checked={change.isPending && change.variables.group === g.name ? change.variables.on : (g.policies?.includes(policy) ?? false)}
                disabled={!mayWrite || (change.isPending && change.variables.group === g.name)}
                onChange={(e) => change.mutate({ group: g.name, on: e.currentTarget.checked })}
              />
              <Row gap="sm">
                <ModeBadge mode={g.mode} />
                <AnchorLink to="/enforcers/groups/$group" params={{ group: g.name }} search={{ tab: 'effective' }} size="xs">
                  {t('enforcers.tabs.effective')}
                </AnchorLink>
              </Row>
            </Row>
          ))}
        </Paper>
      )}
    </>
  )
}
