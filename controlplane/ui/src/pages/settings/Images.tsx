import { ActionIcon, Button, Group, Modal, MultiSelect, Stack, Text, Textarea, TextInput } from '@mantine/core'
import { IconBan, IconPlus, IconRestore } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { del, post } from '../../api/client'
import { groupsQuery, revokedImagesQuery } from '../../api/queries'
import type { RevokedImage } from '../../api/types'
import { useMay } from '../../app/session'
import { Confirm } from '../../parts/Confirm'
import { DataTable } from '../../parts/DataTable'
import { Empty, Loading, ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'
import { SectionHead } from './SectionHead'

// Images says which images must not start.
export function Images() {
  const { t } = useTranslation()
  const client = useQueryClient()
  const mayWrite = useMay('enforcers')
  const query = useQuery(revokedImagesQuery)
  const [adding, setAdding] = useState(false)
  const [restoring, setRestoring] = useState<RevokedImage>()
  const restore = useMutation({
    mutationFn: (digest: string) => del(`/revoked-images/${encodeURIComponent(digest)}`),
    onSuccess: async () => {
      setRestoring(undefined)
      await client.invalidateQueries({ queryKey: revokedImagesQuery.queryKey })
    },
  })
  const columns = useMemo<ColumnDef<RevokedImage>[]>(
    () => [
      {
        id: 'image',
        header: t('events.image'),
        cell: ({ row: { original: v } }) => (
          <>
            {v.image}
            <Text size="xs" c="dimmed" ff="monospace" title={v.digest} truncate maw={260}>
              {v.digest}
            </Text>
          </>
        ),
      },
      { id: 'groups', header: t('policies.groups'), cell: ({ row }) => row.original.groups.join(', ') || t('settings.images.everywhere') },
      { id: 'enforcers', header: t('nav.enforcers'), cell: ({ row }) => <span className="tabular">{row.original.enforcers}</span> },
      { id: 'reason', header: t('settings.images.reason'), cell: ({ row }) => <span style={{ overflowWrap: 'anywhere' }}>{row.original.reason}</span> },
      {
        id: 'at',
        header: t('settings.images.revoked'),
        cell: ({ row: { original: v } }) => (
          <>
            <When at={v.revokedAt} /> <span className="dim">{v.revokedBy}</span>
          </>
        ),
      },
      {
        id: 'restore',
        header: () => <span className="visually-hidden">{t('common.actions')}</span>,
        meta: { width: 50 },
        cell: ({ row }) =>
          mayWrite && (
            <ActionIcon variant="subtle" aria-label={t('settings.images.restoreNamed', { name: row.original.image || row.original.digest })} onClick={() => setRestoring(row.original)}>
              <IconRestore size={15} />
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
        title={t('settings.images.title')}
        lead={t('settings.images.lead')}
        action={
          mayWrite && (
            <Button size="xs" leftSection={<IconPlus size={15} />} onClick={() => setAdding(true)}>
              {t('settings.images.add')}
            </Button>
          )
        }
      />
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
      {query.isPending && <Loading rows={3} />}
      {query.data && rows.length === 0 && (
        <Empty icon={<IconBan size={26} />} title={t('settings.images.none')}>
          {t('settings.images.noneHelp')}
        </Empty>
      )}
      {rows.length > 0 && <DataTable label={t('settings.images.title')} rows={rows} columns={columns} rowKey={(v) => v.digest} />}
      {adding && (
        <RevokeImage
          onClose={() => {
            setAdding(false)
            void client.invalidateQueries({ queryKey: revokedImagesQuery.queryKey })
          }}
        />
      )}
      <Confirm
        opened={restoring !== undefined}
        title={t('settings.images.restoreNamed', { name: restoring?.image || restoring?.digest.slice(0, 19) || '' })}
        confirm={t('settings.images.restore')}
        busy={restore.isPending}
        error={restore.error}
        onConfirm={() => restoring && restore.mutate(restoring.digest)}
        onClose={() => setRestoring(undefined)}
      >
        {t('settings.images.restoreText')}
      </Confirm>
    </section>
  )
}

function RevokeImage({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const groups = useQuery({ ...groupsQuery, refetchInterval: false }).data?.items ?? []
  const [digest, setDigest] = useState('')
  const [reason, setReason] = useState('')
  const [where, setWhere] = useState<string[]>([])
  const valid = /^sha256:[0-9a-f]{64}$/.test(digest.trim())
  const revoke = useMutation({
    mutationFn: () => post<RevokedImage>('/revoked-images', { digest: digest.trim(), reason: reason.trim(), groups: where }),
    onSuccess: onClose,
  })
  return (
    <Modal opened onClose={onClose} title={t('settings.images.add')} size="lg" closeButtonProps={{ 'aria-label': t('common.close') }}>
      <form
        onSubmit={(e) => {
          e.preventDefault()
          revoke.mutate()
        }}
      >
        <Stack>
          <TextInput
            label={t('settings.images.digest')}
            description={t('settings.images.digestHelp')}
            placeholder="sha256:…"
            value={digest}
            onChange={(e) => setDigest(e.currentTarget.value)}
            error={digest && !valid ? t('settings.images.digestWrong') : undefined}
            styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
            required
            data-autofocus
          />
          <Textarea label={t('settings.images.reason')} value={reason} maxLength={1024} onChange={(e) => setReason(e.currentTarget.value)} required autosize minRows={2} />
          <MultiSelect label={t('policies.groups')} description={t('settings.images.groupsHelp')} data={groups.map((g) => g.name)} value={where} onChange={setWhere} searchable />
          <ProblemAlert error={revoke.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('common.cancel')}
            </Button>
            <Button type="submit" color="red.9" loading={revoke.isPending} disabled={!valid || !reason.trim()}>
              {t('settings.images.revoke')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
