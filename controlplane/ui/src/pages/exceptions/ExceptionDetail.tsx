import { Alert, Badge, Button, Group, Stack, Textarea } from '@mantine/core'
import { IconBan, IconCheck, IconRefresh, IconTrash, IconX } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { exceptionQuery, type ExceptionObject } from '../../api/assurance'
import { del, post } from '../../api/client'
import { useMay } from '../../app/session'
import { Command } from '../../parts/Command'
import { Fact } from '../../parts/Fact'
import { Mono } from '../../parts/Mono'
import { done } from '../../parts/notify'
import { Loading, ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'
import { ExceptionForm } from './AskException'
import type { ReasonClass } from './draft'
import { tones } from './tones'

const lists = ['ids', 'packages', 'paths', 'images', 'digests', 'controls', 'stages'] as const

// ExceptionDetail shows an exception whole, and what the person may do with it.
export function ExceptionDetail({ name, onGone }: { name: string; onGone: () => void }) {
  const { t, i18n } = useTranslation()
  const client = useQueryClient()
  const mayRequest = useMay('exceptions', 'request')
  const mayApprove = useMay('exceptions', 'approve')
  const query = useQuery(exceptionQuery(name))
  const [comment, setComment] = useState('')
  const [renewing, setRenewing] = useState(false)
  const refresh = () => client.invalidateQueries({ queryKey: ['exceptions'] })
  const decide = useMutation({
    mutationFn: (decision: 'approve' | 'refuse' | 'revoke') =>
      post<ExceptionObject>(`/exceptions/${encodeURIComponent(name)}/decision`, { decision, comment: comment.trim() || undefined }, { etag: query.data?.etag }),
    onSuccess: async (e) => {
      done(t('exceptions.decided', { name: e.name, state: t(`exceptions.states.${e.state}`) }))
      setComment('')
      await refresh()
    },
  })
  const remove = useMutation({
    mutationFn: () => del(`/exceptions/${encodeURIComponent(name)}`),
    onSuccess: async () => {
      onGone()
      await refresh()
    },
  })
  const e = query.data?.value
  if (!e) return query.error ? <ProblemAlert error={query.error} onRetry={() => void query.refetch()} /> : <Loading />
  const s = e.document.spec
  const waits = e.state === 'requested'
  const holds = e.state === 'approved'
  return (
    <Stack>
      <Group gap="xs">
        <Badge color={tones[e.state]}>{t(`exceptions.states.${e.state}`)}</Badge>
        {e.expiresSoon && <Badge color="orange">{t('exceptions.states.expiring')}</Badge>}
      </Group>
      <dl className="facts">
        <Fact name={t('common.name')}><Mono value={e.name} wrap copy /></Fact>
        {lists.map((k) => (
          <Fact key={k} name={t(`exceptions.${k}`)}>
            {(s[k]?.length ?? 0) > 0 && <Mono value={(s[k] ?? []).join(', ')} wrap />}
          </Fact>
        ))}
        <Fact name={t('exceptions.where')}>{(s.images?.length ?? 0) + (s.digests?.length ?? 0) === 0 && t('exceptions.everyImage')}</Fact>
        <Fact name={t('exceptions.reasonClass')}>{t(`exceptions.classes.${s.reasonClass as ReasonClass}`)}</Fact>
        <Fact name={t('exceptions.reason')}>{s.reason}</Fact>
        <Fact name={t('exceptions.owner')}>{e.owner}</Fact>
        <Fact name={t('exceptions.expires')}>{new Date(e.expiresAt).toLocaleDateString(i18n.language)}</Fact>
        <Fact name={t('exceptions.requestedBy')}>{e.requestedBy} · <When at={e.requestedAt} /></Fact>
        <Fact name={t('exceptions.decidedBy')}>{e.decidedBy && <>{e.decidedBy} {e.decidedAt && <>· <When at={e.decidedAt} /></>}</>}</Fact>
        <Fact name={t('exceptions.comment')}>{e.comment}</Fact>
      </dl>
      <Command label="YAML" text={e.yaml} />
      {waits && mayApprove && e.own && <Alert color="blue">{t('exceptions.ownRequest')}</Alert>}
      {mayApprove && (waits || holds) && (
        <Stack gap="xs">
          <Textarea label={t('exceptions.comment')} description={t('exceptions.commentHelp')} value={comment} onChange={(x) => setComment(x.currentTarget.value)} maxLength={2000} autosize minRows={2} />
          <Group gap="xs">
            {waits && (
              <>
                <Button size="xs" leftSection={<IconCheck size={14} />} disabled={e.own} loading={decide.isPending} onClick={() => decide.mutate('approve')}>
                  {t('exceptions.approve')}
                </Button>
                <Button size="xs" color="red.9" leftSection={<IconX size={14} />} disabled={comment.trim() === ''} loading={decide.isPending} onClick={() => decide.mutate('refuse')}>
                  {t('exceptions.refuse')}
                </Button>
              </>
            )}
            {holds && (
              <Button size="xs" color="red.9" leftSection={<IconBan size={14} />} disabled={comment.trim() === ''} loading={decide.isPending} onClick={() => decide.mutate('revoke')}>
                {t('exceptions.revoke')}
              </Button>
            )}
          </Group>
        </Stack>
      )}
      <ProblemAlert error={decide.error ?? remove.error} onRetry={() => void query.refetch()} />
      {mayRequest && (
        <Group gap="xs">
          <Button size="xs" variant="default" leftSection={<IconRefresh size={14} />} onClick={() => setRenewing(true)}>
            {t('exceptions.renew')}
          </Button>
          {(mayApprove || (e.own && !holds)) && (
            <Button size="xs" variant="subtle" color="red" leftSection={<IconTrash size={14} />} loading={remove.isPending} onClick={() => remove.mutate()}>
              {waits ? t('exceptions.withdraw') : t('common.delete')}
            </Button>
          )}
        </Group>
      )}
      {renewing && query.data && <ExceptionForm renew={query.data} onClose={() => setRenewing(false)} />}
    </Stack>
  )
}
