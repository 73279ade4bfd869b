import { Alert, Button, Grid, Group as Row, Paper, Text, Title } from '@mantine/core'
import { IconActivity, IconTrash } from '@tabler/icons-react'
import { useMutation, useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { del } from '../../api/client'
import { enforcerQuery, queryClient } from '../../api/queries'
import type { Enforcer } from '../../api/types'
import { useMay } from '../../app/session'
import { Confirm } from '../../parts/Confirm'
import { Fact } from '../../parts/Fact'
import { Digest, Mono } from '../../parts/Mono'
import { PageHeader } from '../../parts/PageHeader'
import { ConnectionBadge } from '../../parts/badges'
import { Loading, ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'
import { ControlStates } from './ControlStates'
import { Facilities } from './Facilities'
import { AnchorLink, ButtonLink } from '../../parts/links'

const route = getRouteApi('/shell/enforcers/agents/$id')

export function EnforcerPage() {
  const { t } = useTranslation()
  const { id } = route.useParams()
  const navigate = useNavigate()
  const mayWrite = useMay('enforcers')
  const [removing, setRemoving] = useState(false)
  const query = useQuery(enforcerQuery(id))
  const remove = useMutation({
    mutationFn: () => del(`/enforcers/${encodeURIComponent(id)}`),
    onSuccess: async () => {
      await navigate({ to: '/enforcers', search: { view: 'enforcers' } })
      queryClient.removeQueries({ queryKey: ['enforcers', 'one', id] })
      await queryClient.invalidateQueries({ queryKey: ['enforcers'] })
    },
  })
  const e = query.data
  return (
    <>
      <PageHeader
        title={e?.hostname || id}
        back={e ? { to: `/enforcers/groups/${encodeURIComponent(e.group)}`, label: e.group } : { to: '/enforcers', label: t('enforcers.title') }}
        badge={e && <ConnectionBadge state={e.state} />}
        actions={
          e && (
            <>
              <ButtonLink to="/events" search={{ enforcer: id }} variant="default" size="xs" leftSection={<IconActivity size={15} />}>
                {t('nav.events')}
              </ButtonLink>
              {mayWrite && (
                <Button variant="subtle" color="red" size="xs" leftSection={<IconTrash size={15} />} onClick={() => setRemoving(true)}>
                  {t('enforcers.forget')}
                </Button>
              )}
            </>
          )
        }
      />
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} mb="md" />
      {query.isPending && <Loading rows={10} />}
      {e && <Body enforcer={e} />}
      <Confirm
        opened={removing}
        danger
        title={t('enforcers.forget')}
        confirm={t('enforcers.forget')}
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => remove.mutate()}
        onClose={() => setRemoving(false)}
      >
        {t('enforcers.forgetText')}
      </Confirm>
    </>
  )
}

function Body({ enforcer: e }: { enforcer: Enforcer }) {
  const { t, i18n } = useTranslation()
  const n = (v?: number) => (v ?? 0).toLocaleString(i18n.language)
  const dropped = e.events?.dropped ?? 0
  return (
    <Grid gap="md">
      <Grid.Col span={{ base: 12, lg: 8 }}>
        <Card title={t('enforcers.trueState')}>
          <Text size="sm" c="dimmed" mb="sm">
            {t('enforcers.trueStateLead')}
          </Text>
          <ControlStates controls={e.controls ?? []} />
        </Card>
      </Grid.Col>
      <Grid.Col span={{ base: 12, lg: 4 }}>
        <Card title={t('enforcers.identity')}>
          <dl className="facts">
            <Fact name={t('events.group')}>
              <AnchorLink to="/enforcers/groups/$group" params={{ group: e.group }} size="sm">
                {e.group}
              </AnchorLink>
            </Fact>
            <Fact name={t('enforcers.kind')}>{e.kind}</Fact>
            <Fact name={t('events.image')}>{e.image && <Mono value={e.image} wrap copy />}</Fact>
            <Fact name={t('enforcers.imageDigest')}>{e.imageDigest && <Digest value={e.imageDigest} />}</Fact>
            <Fact name={t('enforcers.identityKind')}>{e.identityClaimed ? t('enforcers.claimed') : null}</Fact>
            <Fact name={t('enforcers.version')}>{e.version}</Fact>
            <Fact name={t('enforcers.firstSeen')}>
              <When at={e.firstSeen} />
            </Fact>
            <Fact name={t('enforcers.lastSeen')}>
              <When at={e.lastSeen} />
            </Fact>
            <Fact name={t('enforcers.bundle')}>
              {e.bundle && (
                <span>
                  {t('enforcers.bundleNumber', { number: e.bundle.number, epoch: e.bundle.epoch })}{' '}
                  <span className="dim">{e.bundle.current === false ? t('enforcers.bundleOld') : e.bundle.current ? t('enforcers.bundleCurrent') : ''}</span>
                </span>
              )}
            </Fact>
            <Fact name="ID">
              <Mono value={e.id} wrap copy />
            </Fact>
          </dl>
        </Card>
        <Card title={t('enforcers.eventCounts')}>
          <dl className="facts tabular">
            <Fact name={t('enforcers.generated')}>{n(e.events?.generated)}</Fact>
            <Fact name={t('enforcers.acked')}>{n(e.events?.acked)}</Fact>
            <Fact name={t('enforcers.spooled')}>{n(e.events?.spooled)}</Fact>
            <Fact name={t('enforcers.dropped')}>{n(dropped)}</Fact>
          </dl>
          {dropped > 0 && (
            <Alert color="orange" mt="sm">
              {t('enforcers.droppedHelp', { count: dropped })}
            </Alert>
          )}
        </Card>
        <Card title={t('enforcers.kernel')}>
          <dl className="facts">
            <Fact name={t('enforcers.rung')}>{e.rung && <RungText rung={e.rung} />}</Fact>
            <Fact name={t('enforcers.kernelVersion')}>{e.kernel}</Fact>
            <Fact name={t('enforcers.arch')}>{e.arch}</Fact>
          </dl>
          <Facilities facilities={e.facilities} />
        </Card>
      </Grid.Col>
    </Grid>
  )
}

const rungs = ['A1', 'A2', 'A3', 'B', 'C'] as const

function RungText({ rung }: { rung: string }) {
  const { t } = useTranslation()
  const known = rungs.find((r) => r === rung)
  return (
    <span>
      <b>{rung}</b> {known && <span className="dim">{t(`rung.${known}`)}</span>}
    </span>
  )
}

function Card({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Paper p="md" component="section" mb="md">
      <Row mb="xs">
        <Title order={2}>{title}</Title>
      </Row>
      {children}
    </Paper>
  )
}
