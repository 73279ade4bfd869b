import { Alert, Button, Group, Paper, Stack, Text, Title } from '@mantine/core'
import { IconShieldPlus } from '@tabler/icons-react'
import { lazy, Suspense, useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { SecurityEvent } from '../../api/types'
import { useMay } from '../../app/session'
import { Labels, ModeBadge, VerdictBadge } from '../../parts/badges'
import { Fact } from '../../parts/Fact'
import { Copy, Digest, Mono } from '../../parts/Mono'
import { absolute, When } from '../../parts/When'
import { useControlText } from '../../parts/control'
import { Explanation } from './Explanation'
import { ObjectFacts } from './ObjectFacts'
import { ProcessTree } from './ProcessTree'
import { what } from './what'
import { Technique } from '../../parts/Technique'
import { AnchorLink } from '../../parts/links'

const AllowThis = lazy(() => import('./AllowThis').then((m) => ({ default: m.AllowThis })))

// never are controls of which no exception can be made.
const never = new Set(['selfProtection', 'capabilities', 'revokedImage'])

export function EventDetail({ event: e }: { event: SecurityEvent }) {
  const { t, i18n } = useTranslation()
  const text = useControlText()
  const mayChange = useMay('policies')
  const [allowing, setAllowing] = useState(false)
  const canAllow = mayChange && e.policy && e.verdict !== 'allow' && !never.has(e.control ?? '')
  return (
    <Stack gap="md" data-event={e.id}>
      <Stack gap={8}>
        <Group gap="xs">
          <VerdictBadge verdict={e.verdict} killed={e.killed} />
          {e.mode && <ModeBadge mode={e.mode} />}
          {e.control && (
            <Text size="sm" fw={600}>
              {text.title(e.control)}
            </Text>
          )}
          <Text size="sm" c="dimmed">
            <When at={e.observedAt} />
          </Text>
        </Group>
        <Title order={2} className="event-what" style={{ overflowWrap: 'anywhere' }}>
          {what(e, t)}
        </Title>
        {e.reason && e.kind !== 'lifecycle' && e.kind !== 'status' && (
          <Text size="sm" c="dimmed" lang="en" style={{ overflowWrap: 'anywhere' }}>
            {e.reason}
          </Text>
        )}
      </Stack>

      {e.control && (
        <Section title={e.verdict === 'deny' ? t('events.detail.whyBlocked') : t('events.detail.whyReported')}>
          <Explanation event={e} />
          {canAllow && (
            <Group mt="sm">
              <Button variant="light" size="xs" leftSection={<IconShieldPlus size={15} />} onClick={() => setAllowing(true)}>
                {t('events.allow.button')}
              </Button>
              <Text size="xs" c="dimmed">
                {t('events.allow.hint')}
              </Text>
            </Group>
          )}
          {e.verdict !== 'allow' && never.has(e.control) && (
            <Alert mt="sm" color="gray">
              {t(`events.detail.${e.control as 'capabilities'}`)}
            </Alert>
          )}
        </Section>
      )}

      {(e.process || (e.ancestors?.length ?? 0) > 0) && (
        <Section title={t('events.detail.processes')}>
          <ProcessTree event={e} />
        </Section>
      )}

      {(e.object || Object.keys(e.attributes ?? {}).length > 0) && (
        <Section title={t('events.detail.object')}>
          <ObjectFacts event={e} />
        </Section>
      )}

      <Section title={t('events.detail.workload')}>
        <dl className="facts">
          <Fact name={t('events.group')}>
            {e.group && (
              <AnchorLink to="/enforcers/groups/$group" params={{ group: e.group }} size="sm">
                {e.group}
              </AnchorLink>
            )}
          </Fact>
          <Fact name={t('events.enforcer')}>
            {e.enforcerId && (
              <AnchorLink to="/enforcers/agents/$id" params={{ id: e.enforcerId }} size="sm">
                {e.workload?.hostname || e.enforcerId}
              </AnchorLink>
            )}
          </Fact>
          <Fact name={t('events.image')}>{e.workload?.image && <Mono value={e.workload.image} wrap copy />}</Fact>
          <Fact name={t('enforcers.imageDigest')}>
            {e.workload?.imageDigest && (
              <Group gap={6}>
                <Digest value={e.workload.imageDigest} />
                {e.workload.claimed && (
                  <Text size="xs" c="dimmed">
                    {t('enforcers.claimed')}
                  </Text>
                )}
              </Group>
            )}
          </Fact>
          <Fact name={t('common.labels')}>{Object.keys(e.workload?.labels ?? {}).length > 0 && <Labels labels={e.workload?.labels} />}</Fact>
        </dl>
      </Section>

      <Section title={t('events.detail.record')}>
        <dl className="facts">
          <Fact name={t('events.detail.observedAt')}>{absolute(e.observedAt, i18n.language)}</Fact>
          <Fact name={t('events.detail.receivedAt')}>{e.receivedAt && absolute(e.receivedAt, i18n.language)}</Fact>
          <Fact name={t('events.detail.count')}>{Number(e.count ?? 1) > 1 && t('events.detail.times', { count: Number(e.count) })}</Fact>
          <Fact name={t('events.detail.technique')}>
            {e.technique && (
              <Technique id={e.technique} address />
            )}
          </Fact>
          <Fact name={t('events.detail.bundle')}>{e.bundle?.number ? `${e.bundle.epoch ?? 0}.${e.bundle.number}` : null}</Fact>
          <Fact name={t('events.detail.sequence')}>{e.sequence}</Fact>
          <Fact name={t('events.detail.id')}>
            <Mono value={e.id} copy wrap />
          </Fact>
        </dl>
        <Group mt="xs" gap={4}>
          <Copy value={JSON.stringify(e, null, 2)} label={t('events.detail.copyJSON')} />
          <Text size="xs" c="dimmed">
            {t('events.detail.copyJSON')}
          </Text>
        </Group>
      </Section>
      {allowing && (
        <Suspense>
          <AllowThis event={e} onClose={() => setAllowing(false)} />
        </Suspense>
      )}
    </Stack>
  )
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Paper p="md" component="section">
      <Title order={3} mb="xs">
        {title}
      </Title>
      {children}
    </Paper>
  )
}
