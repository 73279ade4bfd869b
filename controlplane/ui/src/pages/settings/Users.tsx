import { ActionIcon, Badge, Button, Group, Modal, MultiSelect, PasswordInput, Stack, Text, TextInput } from '@mantine/core'
import { IconPencil, IconPlus, IconTrash } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { del, getVersioned, post, put } from '../../api/client'
import { usersQuery } from '../../api/queries'
import type { User } from '../../api/types'
import { useMay, useSession } from '../../app/session'
import { Confirm } from '../../parts/Confirm'
import { DataTable } from '../../parts/DataTable'
import { Loading, ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'
import { passwordOK } from '../entry/password'
import { PasswordRules } from '../entry/PasswordRules'
import { roles } from './roles'
import { SectionHead } from './SectionHead'

export function Users() {
  const { t } = useTranslation()
  const client = useQueryClient()
  const mayWrite = useMay('users')
  const me = useSession()?.user.username
  const query = useQuery(usersQuery)
  const [editing, setEditing] = useState<User | 'new'>()
  const [removing, setRemoving] = useState<User>()
  const refresh = () => client.invalidateQueries({ queryKey: usersQuery.queryKey })
  const remove = useMutation({
    mutationFn: (name: string) => del(`/users/${encodeURIComponent(name)}`),
    onSuccess: async () => {
      setRemoving(undefined)
      await refresh()
    },
  })
  const columns = useMemo<ColumnDef<User>[]>(
    () => [
      {
        id: 'username',
        header: t('entry.username'),
        cell: ({ row: { original: u } }) => (
          <>
            {u.username}{' '}
            {u.username === me && (
              <Badge size="xs" color="gray">
                {t('settings.users.you')}
              </Badge>
            )}
          </>
        ),
      },
      {
        id: 'roles',
        header: t('settings.users.roles'),
        cell: ({ row }) => row.original.roles.map((r) => t(`roles.${r as 'auditor'}`, { defaultValue: r })).join(', '),
      },
      { id: 'login', header: t('settings.users.lastLogin'), cell: ({ row }) => <When at={row.original.lastLoginAt} /> },
      { id: 'created', header: t('tokens.created'), cell: ({ row }) => <When at={row.original.createdAt} /> },
      {
        id: 'menu',
        header: () => <span className="visually-hidden">{t('common.actions')}</span>,
        meta: { width: 84 },
        cell: ({ row: { original: u } }) =>
          mayWrite && (
            <Group gap={2} wrap="nowrap">
              <ActionIcon variant="subtle" color="gray" aria-label={t('settings.users.editNamed', { name: u.username })} onClick={() => setEditing(u)}>
                <IconPencil size={15} />
              </ActionIcon>
              {u.username !== me && (
                <ActionIcon variant="subtle" color="red" aria-label={t('settings.users.deleteNamed', { name: u.username })} onClick={() => setRemoving(u)}>
                  <IconTrash size={15} />
                </ActionIcon>
              )}
            </Group>
          ),
      },
    ],
    [t, mayWrite, me],
  )
  return (
    <section>
      <SectionHead
        title={t('settings.users.title')}
        lead={t('settings.users.lead')}
        action={
          mayWrite && (
            <Button size="xs" leftSection={<IconPlus size={15} />} onClick={() => setEditing('new')}>
              {t('settings.users.add')}
            </Button>
          )
        }
      />
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
      {query.isPending && <Loading rows={3} />}
      {query.data && <DataTable label={t('settings.users.title')} rows={query.data.items ?? []} columns={columns} rowKey={(u) => u.username} />}
      <Stack gap={4} mt="md">
        {roles.map((r) => (
          <Text key={r} size="xs" c="dimmed">
            <b>{t(`roles.${r}`)}</b> – {t(`roles.help.${r}`)}
          </Text>
        ))}
      </Stack>
      {editing && (
        <UserDialog
          user={editing === 'new' ? undefined : editing}
          onClose={() => setEditing(undefined)}
          onDone={() => {
            setEditing(undefined)
            void refresh()
          }}
        />
      )}
      <Confirm
        opened={removing !== undefined}
        danger
        title={t('settings.users.deleteNamed', { name: removing?.username ?? '' })}
        confirm={t('common.delete')}
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => removing && remove.mutate(removing.username)}
        onClose={() => setRemoving(undefined)}
      >
        {t('settings.users.deleteText')}
      </Confirm>
    </section>
  )
}

function UserDialog({ user, onClose, onDone }: { user?: User; onClose: () => void; onDone: () => void }) {
  const { t } = useTranslation()
  const [username, setUsername] = useState(user?.username ?? '')
  const [held, setHeld] = useState<string[]>(user?.roles ?? ['developer'])
  const [password, setPassword] = useState('')
  const save = useMutation({
    mutationFn: async () => {
      if (!user) return post<User>('/users', { username: username.trim(), password, roles: held })
      const path = `/users/${encodeURIComponent(user.username)}`
      const { etag } = await getVersioned<User>(path)
      return put<User>(path, { roles: held, ...(password ? { password } : {}) }, etag)
    },
    onSuccess: onDone,
  })
  const ok = held.length > 0 && username.trim() !== '' && (user && !password ? true : passwordOK(password, username))
  return (
    <Modal opened onClose={onClose} title={user ? t('settings.users.editNamed', { name: user.username }) : t('settings.users.add')} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <form
        onSubmit={(e) => {
          e.preventDefault()
          save.mutate()
        }}
      >
        <Stack>
          <TextInput label={t('entry.username')} value={username} readOnly={user !== undefined} autoComplete="off" maxLength={64} onChange={(e) => setUsername(e.currentTarget.value)} />
          <MultiSelect label={t('settings.users.roles')} data={roles.map((r) => ({ value: r, label: t(`roles.${r}`) }))} value={held} onChange={setHeld} />
          <PasswordInput
            label={user ? t('settings.users.newPassword') : t('entry.password')}
            description={user ? t('settings.users.newPasswordHelp') : undefined}
            autoComplete="new-password"
            value={password}
            onChange={(e) => setPassword(e.currentTarget.value)}
          />
          {(!user || password) && <PasswordRules password={password} username={username} />}
          <ProblemAlert error={save.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('common.cancel')}
            </Button>
            <Button type="submit" loading={save.isPending} disabled={!ok}>
              {t('common.save')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
