import { Accordion, Alert, List, Stack, Text } from '@mantine/core'
import { IconBulb } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { isProblem } from '../../api/client'
import { groupQuery, policyQuery, proposalQuery } from '../../api/queries'
import type { LearnProposal } from '../../api/types'
import type { PolicySearch } from '../../app/search'
import { DiffView } from '../../parts/DiffView'
import { Loading, ProblemAlert } from '../../parts/states'
import { PolicyWorkspace } from '../policies/PolicyWorkspace'

// ProposalPage opens the editor with what a group's learning proposes: over
// the policy of that name if there is one, else as a new one.
export function ProposalPage({ group, search, onSearch }: { group: string; search: PolicySearch; onSearch: (s: PolicySearch) => void }) {
  const proposal = useQuery(proposalQuery(group))
  const name = proposal.data?.name
  const stored = useQuery({ ...policyQuery(name ?? ''), enabled: name !== undefined, retry: false })
  if (proposal.error) return <ProblemAlert error={proposal.error} onRetry={() => void proposal.refetch()} />
  const absent = isProblem(stored.error, 404)
  if (!proposal.data || (!stored.data && !absent)) return stored.error && !absent ? <ProblemAlert error={stored.error} /> : <Loading rows={10} />
  return (
    <PolicyWorkspace
      name={stored.data ? name : undefined}
      loaded={stored.data}
      start={proposal.data.yaml}
      search={search}
      onSearch={onSearch}
      note={<Note group={group} proposal={proposal.data} />}
    />
  )
}

function Note({ group, proposal: p }: { group: string; proposal: LearnProposal }) {
  const { t } = useTranslation()
  const current = useQuery(groupQuery(group)).data?.value.policies?.[0]
  const policy = useQuery({ ...policyQuery(current ?? ''), enabled: current !== undefined }).data?.value
  return (
    <Alert color="limpet" icon={<IconBulb size={18} />} title={t('learning.proposal', { group })} mb="md">
      <Stack gap="xs">
        <Text size="sm">{t('learning.proposalLead')} {t('learning.wouldBlock', { count: p.simulation.blocked })}</Text>
        <Accordion multiple variant="contained" chevronPosition="left">
          {p.check.length > 0 && <Part name="check" title={`${t('learning.check')} (${p.check.length})`} lines={p.check} />}
          {p.uncovered.length > 0 && <Part name="uncovered" title={`${t('learning.uncovered')} (${p.uncovered.length})`} lines={p.uncovered} />}
          {policy && (
            <Accordion.Item value="beside">
              <Accordion.Control fz="sm">{t('learning.beside')}: {policy.name}</Accordion.Control>
              <Accordion.Panel>
                <DiffView before={policy.yaml ?? ''} after={p.yaml} />
              </Accordion.Panel>
            </Accordion.Item>
          )}
        </Accordion>
      </Stack>
    </Alert>
  )
}

function Part({ name, title, lines }: { name: string; title: string; lines: string[] }) {
  return (
    <Accordion.Item value={name}>
      <Accordion.Control fz="sm">{title}</Accordion.Control>
      <Accordion.Panel>
        <List size="sm" lang="en">
          {lines.map((l) => (
            <List.Item key={l} style={{ overflowWrap: 'anywhere' }}>{l}</List.Item>
          ))}
        </List>
      </Accordion.Panel>
    </Accordion.Item>
  )
}
