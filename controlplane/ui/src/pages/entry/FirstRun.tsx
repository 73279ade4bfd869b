import { Button, PasswordInput, Stack, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useMutation } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { post } from '../../api/client'
import { queryClient, setupQuery } from '../../api/queries'
import type { Session } from '../../api/types'
import { started } from '../../app/session'
import { ProblemAlert } from '../../parts/states'
import { EntryFrame } from './EntryFrame'
import { passwordOK } from './password'
import { PasswordRules } from './PasswordRules'

// FirstRun creates the administrator. The code is in the server's log: who
// can read that owns the install.
export function FirstRun() {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const form = useForm({
    initialValues: { code: '', username: 'administrator', password: '', again: '' },
    validate: {
      code: (v) => (v.trim() ? null : t('entry.codeMissing')),
      username: (v) => (v.trim() ? null : t('entry.usernameMissing')),
      password: (v, all) => (passwordOK(v, all.username) ? null : t('entry.passwordWeak')),
      again: (v, all) => (v === all.password ? null : t('entry.passwordDiffers')),
    },
  })
  const create = useMutation({
    mutationFn: (v: typeof form.values) =>
      post<Session>('/setup', { code: v.code.trim(), username: v.username.trim(), password: v.password }, { quiet401: true }),
    onSuccess: async (s) => {
      started(s)
      queryClient.setQueryData(setupQuery.queryKey, { needed: false })
      await navigate({ to: '/' })
    },
  })
  return (
    <EntryFrame title={t('entry.welcome')} lead={t('entry.firstRunLead')}>
      <form onSubmit={form.onSubmit((v) => create.mutate(v))}>
        <Stack>
          <ProblemAlert error={create.error} />
          <TextInput
            label={t('entry.code')}
            description={t('entry.codeWhere')}
            styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
            autoComplete="one-time-code"
            autoFocus
            {...form.getInputProps('code')}
          />
          <TextInput label={t('entry.username')} autoComplete="username" {...form.getInputProps('username')} />
          <PasswordInput label={t('entry.password')} autoComplete="new-password" {...form.getInputProps('password')} />
          <PasswordRules password={form.values.password} username={form.values.username} />
          <PasswordInput label={t('entry.passwordAgain')} autoComplete="new-password" {...form.getInputProps('again')} />
          <Button type="submit" size="md" loading={create.isPending}>
            {t('entry.create')}
          </Button>
        </Stack>
      </form>
    </EntryFrame>
  )
}
