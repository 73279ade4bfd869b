import { Badge, Button, Group, Select, Stack, Text, Textarea } from '@mantine/core'
import { IconBellOff, IconCheck, IconRotate } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { put } from '../../api/client'
import { findingQuery } from '../../api/queries'
import type { FindingState } from '../../api/types'
import { useMay } from '../../app/session'
import { useControlText } from '../../parts/control'
import { Fact } from '../../parts/Fact'
import { AnchorLink, ButtonLink } from '../../parts/links'
import { Digest, Mono } from '../../parts/Mono'
import { done } from '../../parts/notify'
import { Loading, ProblemAlert } from '../../parts/states'
import { Technique } from '../../parts/Technique'
import { When } from '../../parts/When'
import { tones } from './finding'

const days = { never: 0, day: 1, week: 7, month: 30 } as const

export function FindingDetail({ id }: { id: string }) {
  const { t, i18n } = useTranslation()
  const control = useControlText()
  const client = useQueryClient()
  const mayWrite = useMay('findings')
  const query = useQuery(findingQuery(id))
  const [reason, setReason] = useState('')
  const [until, setUntil] = useState<keyof typeof days>('never')
  const change = useMutation({
    mutationFn: (state: FindingState) =>
      put(`/findings/${encodeURIComponent(id)}`, {
        state,
        reason: reason.trim() || undefined,
        expiresAt: state !== 'open' && days[until] > 0 ? new Date(Date.now() + days[until] * 86_400_000).toISOString() : undefined,
      }, query.data?.etag),
    onSuccess: async () => {
      done(t('findings.done'))
      setReason('')
      await client.invalidateQueries({ queryKey: ['findings'] })
    },
  })
  const f = query.data?.value
  if (!f) return query.error ? <ProblemAlert error={query.error} onRetry={() => void query.refetch()} /> : <Loading />
  const number = (n: number) => n.toLocaleString(i18n.language)
  return (
    <Stack>
      <Group gap="xs">
        <Badge color={tones[f.state]}>{t(`findings.states.${f.state}`)}</Badge>
        <Technique id={f.technique} />
      </Group>
      <dl className="facts">
        <Fact name={t('events.control')}>{control.title(f.control)}</Fact>
        <Fact name={t('findings.rule')}>
          {f.policy && (
            <AnchorLink to="/policies/$policy" params={{ policy: f.policy }} search={{ control: f.control }} size="sm">
              {f.policy}
            </AnchorLink>
          )}
          {f.policy && ' · '}
          <code>{f.rule}</code>
        </Fact>
        <Fact name={t('findings.program')}><Mono value={f.executable} wrap copy /></Fact>
        <Fact name={t('findings.what')}>{f.object && <Mono value={f.object} wrap />}</Fact>
        <Fact name={t('events.image')}>{f.image && <Mono value={f.image} wrap copy />}</Fact>
        <Fact name={t('object.digest')}>{f.imageDigest && <Digest value={f.imageDigest} />}</Fact>
        <Fact name={t('findings.denied')}>{number(f.denied)}</Fact>
        <Fact name={t('findings.audited')}>{number(f.audited)}</Fact>
        <Fact name={t('findings.first')}><When at={f.firstSeen} /></Fact>
        <Fact name={t('findings.last')}><When at={f.lastSeen} /></Fact>
        <Fact name={t('findings.state')}>
          {f.changedBy && (
            <span>
              {t('findings.changed', { state: t(`findings.states.${f.state}`), who: f.changedBy })} · {t('findings.since', { count: f.since })}
            </span>
          )}
        </Fact>
        <Fact name={t('findings.reason')}>{f.reason}</Fact>
        <Fact name={t('findings.expires')}>{f.expiresAt && <When at={f.expiresAt} />}</Fact>
      </dl>
      <Text size="sm" fw={600}>{t('findings.places', { count: f.placeCount })}</Text>
      <dl className="facts">
        {f.places.map((p) => (
          <Fact key={`${p.group}/${p.enforcerId}`} name={p.group}>
            <AnchorLink to="/enforcers/agents/$id" params={{ id: p.enforcerId }} size="sm">
              {t('events.enforcer')} {p.enforcerId.slice(-12)}
            </AnchorLink>{' '}
            · {t('events.detail.times', { count: p.count })} · <When at={p.lastSeen} />
          </Fact>
        ))}
      </dl>
      <Group>
        <ButtonLink to="/events" search={{ finding: f.id }} variant="default" size="xs">
          {t('findings.events')}
        </ButtonLink>
      </Group>
      {mayWrite && (
        <Stack gap="xs">
          <Textarea label={t('findings.reason')} description={t('findings.reasonHelp')} value={reason} onChange={(e) => setReason(e.currentTarget.value)} maxLength={1000} autosize minRows={2} />
          <Select label={t('findings.until')} w={180} allowDeselect={false} value={until} onChange={(v) => setUntil((v ?? 'never') as keyof typeof days)} data={(Object.keys(days) as (keyof typeof days)[]).map((d) => ({ value: d, label: t(`findings.untils.${d}`) }))} />
          <ProblemAlert error={change.error} onRetry={() => void query.refetch()} />
          <Group gap="xs">
            <Button size="xs" leftSection={<IconCheck size={14} />} disabled={reason.trim() === ''} loading={change.isPending} onClick={() => change.mutate('acknowledged')}>
              {t('findings.acknowledge')}
            </Button>
            <Button size="xs" variant="default" leftSection={<IconBellOff size={14} />} disabled={reason.trim() === ''} loading={change.isPending} onClick={() => change.mutate('muted')}>
              {t('findings.mute')}
            </Button>
            {f.state !== 'open' && (
              <Button size="xs" variant="subtle" leftSection={<IconRotate size={14} />} loading={change.isPending} onClick={() => change.mutate('open')}>
                {t('findings.open')}
              </Button>
            )}
          </Group>
        </Stack>
      )}
    </Stack>
  )
}
