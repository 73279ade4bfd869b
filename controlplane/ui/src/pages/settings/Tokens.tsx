import { ActionIcon, Alert, Badge, Button, Group, Modal, MultiSelect, Select, Stack, Text, TextInput } from '@mantine/core'
import { IconKey, IconPlus, IconTrash } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { del, post } from '../../api/client'
import { tokensQuery } from '../../api/queries'
import type { APIToken } from '../../api/types'
import { useMay } from '../../app/session'
import { Command } from '../../parts/Command'
import { Confirm } from '../../parts/Confirm'
import { DataTable } from '../../parts/DataTable'
import { Empty, Loading, ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'
import { roles } from './roles'
import { SectionHead } from './SectionHead'

export function Tokens() {
  const { t } = useTranslation()
  const client = useQueryClient()
  const mayWrite = useMay('tokens')
  const query = useQuery(tokensQuery)
  const [adding, setAdding] = useState(false)
  const [revoking, setRevoking] = useState<APIToken>()
  const revoke = useMutation({
    mutationFn: (id: string) => del(`/tokens/${encodeURIComponent(id)}`),
    onSuccess: async () => {
      setRevoking(undefined)
      await client.invalidateQueries({ queryKey: tokensQuery.queryKey })
    },
  })
  const columns = useMemo<ColumnDef<APIToken>[]>(
    () => [
      {
        id: 'name',
        header: t('common.name'),
        cell: ({ row: { original: k } }) => (
          <>
            {k.name}{' '}
            {k.prefix && (
              <Text component="span" size="xs" c="dimmed" ff="monospace">
                {k.prefix}…
              </Text>
            )}
          </>
        ),
      },
      {
        id: 'roles',
        header: t('settings.users.roles'),
        cell: ({ row }) => row.original.roles.map((r) => t(`roles.${r as 'auditor'}`, { defaultValue: r })).join(', '),
      },
      { id: 'expires', header: t('tokens.expires'), cell: ({ row: { original: k } }) => (k.expiresAt ? <Expiry at={k.expiresAt} /> : t('tokens.never')) },
      { id: 'used', header: t('tokens.lastUsed'), cell: ({ row }) => <When at={row.original.lastUsedAt} /> },
      { id: 'by', header: t('tokens.by'), cell: ({ row }) => row.original.createdBy ?? '–' },
      {
        id: 'revoke',
        header: () => <span className="visually-hidden">{t('common.actions')}</span>,
        meta: { width: 50 },
        cell: ({ row }) =>
          mayWrite && (
            <ActionIcon variant="subtle" color="red" aria-label={t('tokens.revokeNamed', { name: row.original.name })} onClick={() => setRevoking(row.original)}>
              <IconTrash size={15} />
            </ActionIcon>
          ),
      },
    ],
    [t, mayWrite],
  )
  const rows = query.data?.items ?? []
  return (
    <section>
      <SectionHead
        title={t('settings.tokens.title')}
        lead={t('settings.tokens.lead')}
        action={
          mayWrite && (
            <Button size="xs" leftSection={<IconPlus size={15} />} onClick={() => setAdding(true)}>
              {t('settings.tokens.add')}
            </Button>
          )
        }
      />
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
      {query.isPending && <Loading rows={3} />}
      {query.data && rows.length === 0 && (
        <Empty icon={<IconKey size={26} />} title={t('settings.tokens.none')}>
          {t('settings.tokens.noneHelp')}
        </Empty>
      )}
      {rows.length > 0 && <DataTable label={t('settings.tokens.title')} rows={rows} columns={columns} rowKey={(k) => k.id} />}
      {adding && (
        <NewToken
          onClose={() => {
            setAdding(false)
            void client.invalidateQueries({ queryKey: tokensQuery.queryKey })
          }}
        />
      )}
      <Confirm
        opened={revoking !== undefined}
        danger
        title={t('tokens.revokeNamed', { name: revoking?.name ?? '' })}
        confirm={t('tokens.revoke')}
        busy={revoke.isPending}
        error={revoke.error}
        onConfirm={() => revoking && revoke.mutate(revoking.id)}
        onClose={() => setRevoking(undefined)}
      >
        {t('settings.tokens.revokeText')}
      </Confirm>
    </section>
  )
}

function Expiry({ at }: { at: string }) {
  const { t } = useTranslation()
  const [now] = useState(() => Date.now())
  return Date.parse(at) < now ? <Badge color="gray">{t('tokens.expired')}</Badge> : <When at={at} future />
}

const days = ['30', '90', '365', 'never'] as const

function NewToken({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const [name, setName] = useState('')
  const [held, setHeld] = useState<string[]>(['auditor'])
  const [life, setLife] = useState<string>('90')
  const create = useMutation({
    mutationFn: () =>
      post<APIToken>('/tokens', {
        name: name.trim(),
        roles: held,
        ...(life === 'never' ? {} : { expiresAt: new Date(Date.now() + Number(life) * 86_400_000).toISOString() }),
      }),
  })
  const secret = create.data?.token
  return (
    <Modal opened onClose={onClose} title={t('settings.tokens.add')} size="lg" closeOnClickOutside={!secret} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <form
        onSubmit={(e) => {
          e.preventDefault()
          create.mutate()
        }}
      >
        <Stack>
          {secret ? (
            <>
              <Alert color="limpet">{t('settings.tokens.once')}</Alert>
              <Command text={secret} label={t('settings.tokens.title')} />
            </>
          ) : (
            <>
              <TextInput label={t('common.name')} placeholder="ci-pipeline" value={name} maxLength={64} onChange={(e) => setName(e.currentTarget.value)} required data-autofocus />
              <MultiSelect
                label={t('settings.users.roles')}
                data={roles.map((r) => ({ value: r, label: t(`roles.${r}`) }))}
                value={held}
                onChange={setHeld}
                required
              />
              <Select
                label={t('tokens.ttl')}
                data={days.map((d) => ({ value: d, label: t(`settings.tokens.life.${d}`) }))}
                value={life}
                onChange={(v) => setLife(v ?? '90')}
                allowDeselect={false}
              />
              <ProblemAlert error={create.error} />
            </>
          )}
          <Group justify="flex-end">
            {secret ? (
              <Button onClick={onClose}>{t('common.done')}</Button>
            ) : (
              <Button type="submit" loading={create.isPending} disabled={!name.trim() || held.length === 0}>
                {t('common.create')}
              </Button>
            )}
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
