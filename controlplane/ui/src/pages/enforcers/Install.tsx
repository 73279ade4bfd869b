import { Alert, List, Loader, Group as Row, Stack, Tabs, Text, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { IconCheck } from '@tabler/icons-react'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { get } from '../../api/client'
import { enforcersQuery } from '../../api/queries'
import type { Install as InstallAnswer } from '../../api/types'
import { Command } from '../../parts/Command'
import { Copy } from '../../parts/Mono'
import { Loading, ProblemAlert } from '../../parts/states'

const formats = ['docker', 'dockerfile', 'ecs', 'definition'] as const

// Where the server's command wants the join token.
const slot = /\$\{?LIMPET_JOIN_TOKEN\}?/g

// withToken puts a fresh token in its place. Without one the place stays.
export function withToken(command: string, secret?: string): string {
  return secret ? command.replace(slot, () => secret) : command
}

interface Props {
  group: string
  secret?: string // a fresh join token, shown once
  wait?: boolean // watch for the first heartbeat
}

export function Install({ group, secret, wait }: Props) {
  const { t } = useTranslation()
  const [format, setFormat] = useState<(typeof formats)[number]>('docker')
  const [image, setImage] = useState('nginx:1.27')
  const [asked] = useDebouncedValue(image.trim(), 400)
  const query = useQuery({
    queryKey: ['groups', group, 'install', format, asked],
    queryFn: () => get<InstallAnswer>(`/groups/${encodeURIComponent(group)}/install`, { format, image: asked || undefined }),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  })
  return (
    <Stack gap="sm">
      {secret && (
        <Alert color="limpet" title={t('install.tokenTitle')}>
          <Text size="sm" mb={6}>
            {t('install.tokenOnce')}
          </Text>
          <Row gap={6} wrap="nowrap">
            <Text ff="monospace" size="sm" style={{ overflowWrap: 'anywhere' }} data-testid="join-token">
              {secret}
            </Text>
            <Copy value={secret} label={t('install.copyToken')} />
          </Row>
        </Alert>
      )}
      <TextInput
        label={t('install.image')}
        description={t('install.imageHelp')}
        value={image}
        disabled={format === 'definition'} // it names its images itself
        onChange={(e) => setImage(e.currentTarget.value)}
        maw={420}
        styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
      />
      <Tabs value={format} onChange={(v) => setFormat((v ?? 'docker') as (typeof formats)[number])}>
        <Tabs.List mb="sm">
          {formats.map((f) => (
            <Tabs.Tab key={f} value={f}>
              {t(`install.formats.${f}`)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
      </Tabs>
      {query.isPending && <Loading rows={3} />}
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
      {query.data && (
        <>
          <Command text={withToken(query.data.command, secret)} label={t('install.command')} />
          {!secret && (
            <Text size="xs" c="dimmed">
              {t('install.needToken')}
            </Text>
          )}
          {(query.data.notes?.length ?? 0) > 0 && (
            <List size="xs" c="dimmed" spacing={2}>
              {query.data.notes?.map((n, i) => (
                <List.Item key={i} lang="en">{n}</List.Item>
              ))}
            </List>
          )}
        </>
      )}
      {wait && <FirstHeartbeat group={group} />}
    </Stack>
  )
}

function FirstHeartbeat({ group }: { group: string }) {
  const { t } = useTranslation()
  const first = useQuery(enforcersQuery({ group }, 2_000)).data?.items?.[0]
  return (
    <Alert color={first ? 'limpet' : 'gray'} icon={first ? <IconCheck size={18} /> : <Loader size={16} />} role="status" mt="xs">
      {first ? (
        <Text size="sm">
          {t('install.arrived', { host: first.hostname || first.id })}{' '}
          <Link to="/enforcers/agents/$id" params={{ id: first.id }}>
            {t('install.show')}
          </Link>
        </Text>
      ) : (
        <Text size="sm">{t('install.waiting')}</Text>
      )}
    </Alert>
  )
}
