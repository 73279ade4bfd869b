import { ActionIcon, Button, Group as Row, Modal, NumberInput, Select, Stack, Text, Title } from '@mantine/core'
import { IconKey, IconPlus, IconTrash } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { del, post } from '../../api/client'
import { joinTokensQuery } from '../../api/queries'
import type { JoinToken } from '../../api/types'
import { useMay } from '../../app/session'
import { Confirm } from '../../parts/Confirm'
import { DataTable } from '../../parts/DataTable'
import { Mono } from '../../parts/Mono'
import { Empty, Loading, ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'
import { Install } from './Install'

export interface TokenValues {
  ttlSeconds: number
  maxUses: number
}

export const tokenDefaults: TokenValues = { ttlSeconds: 86_400, maxUses: 10 }
const ttls = [3_600, 86_400, 604_800, 2_592_000] as const

export function JoinTokenFields({ values, onChange }: { values: TokenValues; onChange: (v: TokenValues) => void }) {
  const { t } = useTranslation()
  return (
    <Row align="flex-start" grow preventGrowOverflow={false}>
      <Select
        label={t('tokens.ttl')}
        description={t('tokens.ttlHelp')}
        data={ttls.map((s) => ({ value: String(s), label: t(`tokens.ttls.${s}`) }))}
        value={String(values.ttlSeconds)}
        onChange={(v) => onChange({ ...values, ttlSeconds: Number(v ?? tokenDefaults.ttlSeconds) })}
        allowDeselect={false}
      />
      <NumberInput
        label={t('tokens.maxUses')}
        description={t('tokens.maxUsesHelp')}
        min={1}
        max={100_000}
        value={values.maxUses}
        onChange={(v) => onChange({ ...values, maxUses: Number(v) || 1 })}
        allowDecimal={false}
      />
    </Row>
  )
}

// uses says how often a token was used of how often it may be.
export function uses(j: JoinToken): string {
  if (j.maxUses === 0) return '∞'
  return `${j.uses ?? j.maxUses - (j.usesLeft ?? j.maxUses)} / ${j.maxUses}`
}

export function JoinTokens({ group }: { group: string }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const mayWrite = useMay('join-tokens')
  const query = useQuery(joinTokensQuery(group))
  const [adding, setAdding] = useState(false)
  const [revoking, setRevoking] = useState<JoinToken>()
  const refresh = () => client.invalidateQueries({ queryKey: joinTokensQuery(group).queryKey })
  const revoke = useMutation({
    mutationFn: (id: string) => del(`/groups/${encodeURIComponent(group)}/join-tokens/${encodeURIComponent(id)}`),
    onSuccess: async () => {
      setRevoking(undefined)
      await refresh()
    },
  })
  const columns = useMemo<ColumnDef<JoinToken>[]>(
    () => [
      { id: 'id', header: t('tokens.id'), cell: ({ row: { original: j } }) => <Mono value={`${j.prefix ?? j.id.slice(0, 13)}…`} /> },
      { id: 'uses', header: t('tokens.uses'), cell: ({ row: { original: j } }) => <span className="tabular">{uses(j)}</span> },
      { id: 'expires', header: t('tokens.expires'), cell: ({ row }) => <When at={row.original.expiresAt} future /> },
      { id: 'created', header: t('tokens.created'), cell: ({ row }) => <When at={row.original.createdAt} /> },
      { id: 'by', header: t('tokens.by'), cell: ({ row }) => row.original.createdBy ?? '–' },
      {
        id: 'revoke',
        header: () => <span className="visually-hidden">{t('common.actions')}</span>,
        meta: { width: 50 },
        cell: ({ row }) =>
          mayWrite && (
            <ActionIcon variant="subtle" color="red" aria-label={t('tokens.revoke')} onClick={() => setRevoking(row.original)}>
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
      <Row justify="space-between" mb="xs">
        <div>
          <Title order={2}>{t('tokens.joinTitle')}</Title>
          <Text size="sm" c="dimmed">
            {t('tokens.joinLead')}
          </Text>
        </div>
        {mayWrite && (
          <Button size="xs" leftSection={<IconPlus size={15} />} onClick={() => setAdding(true)}>
            {t('tokens.newJoin')}
          </Button>
        )}
      </Row>
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
      {query.isPending ? (
        <Loading rows={3} />
      ) : rows.length > 0 ? (
        <DataTable label={t('tokens.joinTitle')} rows={rows} columns={columns} rowKey={(j) => j.id} />
      ) : (
        query.data && (
          <Empty icon={<IconKey size={26} />} title={t('tokens.noneJoin')}>
            {t('tokens.noneJoinHelp')}
          </Empty>
        )
      )}
      {adding && (
        <NewJoinToken
          group={group}
          onClose={() => {
            setAdding(false)
            void refresh()
          }}
        />
      )}
      <Confirm
        opened={revoking !== undefined}
        danger
        title={t('tokens.revoke')}
        confirm={t('tokens.revoke')}
        busy={revoke.isPending}
        error={revoke.error}
        onConfirm={() => revoking && revoke.mutate(revoking.id)}
        onClose={() => setRevoking(undefined)}
      >
        {t('tokens.revokeJoinText')}
      </Confirm>
    </section>
  )
}

function NewJoinToken({ group, onClose }: { group: string; onClose: () => void }) {
  const { t } = useTranslation()
  const [values, setValues] = useState(tokenDefaults)
  const create = useMutation({
    mutationFn: () => post<JoinToken>(`/groups/${encodeURIComponent(group)}/join-tokens`, values),
  })
  const secret = create.data?.secret ?? create.data?.token
  return (
    <Modal opened onClose={onClose} title={t('tokens.newJoin')} size={secret ? 820 : 'lg'} closeOnClickOutside={!secret} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <Stack>
        {secret ? (
          <Install group={group} secret={secret} />
        ) : (
          <>
            <JoinTokenFields values={values} onChange={setValues} />
            <ProblemAlert error={create.error} />
          </>
        )}
        <Row justify="flex-end">
          {secret ? (
            <Button onClick={onClose}>{t('common.done')}</Button>
          ) : (
            <Button onClick={() => create.mutate()} loading={create.isPending}>
              {t('common.create')}
            </Button>
          )}
        </Row>
      </Stack>
    </Modal>
  )
}
