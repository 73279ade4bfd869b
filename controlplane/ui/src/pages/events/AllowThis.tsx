import { Alert, Button, Group, Modal, Stack, Text } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { getVersioned, isProblem, post, put } from '../../api/client'
import type { Policy, Proposal, SecurityEvent } from '../../api/types'
import { DiffView } from '../../parts/DiffView'
import { done } from '../../parts/notify'
import { Loading, ProblemAlert } from '../../parts/states'

// AllowThis shows the exception that would let an event of this kind pass,
// as a change of the policy, and saves it on request. The proposal is made
// for the policy as it is: if somebody changes the policy in between, the
// server refuses (412) and a new proposal is made.
export function AllowThis({ event, onClose }: { event: SecurityEvent; onClose: () => void }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const proposal = useQuery({
    queryKey: ['propose', event.id],
    queryFn: async () => {
      const p = await post<Proposal>(`/events/${encodeURIComponent(event.id)}/propose`)
      const current = await getVersioned<Policy>(`/policies/${encodeURIComponent(p.policy)}`)
      return { ...p, etag: p.etag ?? current.etag, current: current.value }
    },
    staleTime: 0,
    gcTime: 0,
    retry: false,
  })
  const apply = useMutation({
    mutationFn: async () => {
      const p = proposal.data
      if (!p) return
      await put(`/policies/${encodeURIComponent(p.policy)}`, p.yaml ? { yaml: p.yaml } : { document: p.document }, p.etag)
    },
    onSuccess: async () => {
      done(t('events.allow.done', { policy: proposal.data?.policy ?? '' }))
      await client.invalidateQueries({ queryKey: ['policies'] })
      onClose()
    },
  })
  const p = proposal.data
  return (
    <Modal opened onClose={onClose} title={t('events.allow.title')} size="xl" closeButtonProps={{ 'aria-label': t('common.close') }}>
      <Stack>
        {proposal.isPending && <Loading rows={4} />}
        <ProblemAlert error={proposal.error} onRetry={() => void proposal.refetch()} />
        {p && (
          <>
            <Text size="sm">{t('events.allow.lead', { policy: p.policy, count: p.current.groups?.length ?? 0 })}</Text>
            <DiffView diff={p.diff} before={p.current.yaml} after={p.yaml} />
            {(p.current.groups?.length ?? 0) > 0 && (
              <Alert color="yellow">{t('events.allow.reach', { groups: (p.current.groups ?? []).join(', ') })}</Alert>
            )}
            <ProblemAlert
              error={apply.error}
              onRetry={
                isProblem(apply.error, 412)
                  ? () => {
                      apply.reset()
                      void proposal.refetch()
                    }
                  : undefined
              }
            />
          </>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <Button onClick={() => apply.mutate()} loading={apply.isPending} disabled={!p}>
            {t('events.allow.apply')}
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}
