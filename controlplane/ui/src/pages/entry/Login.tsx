import { Alert, Button, Checkbox, PasswordInput, Stack, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useMutation } from '@tanstack/react-query'
import { getRouteApi, useRouter } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { isProblem, post } from '../../api/client'
import type { Session } from '../../api/types'
import { started } from '../../app/session'
import { ProblemAlert } from '../../parts/states'
import { EntryFrame } from './EntryFrame'

const route = getRouteApi('/login')

export function Login() {
  const { t } = useTranslation()
  const router = useRouter()
  const search = route.useSearch()
  const form = useForm({
    initialValues: { username: '', password: '', remember: false },
    validate: {
      username: (v) => (v.trim() ? null : t('entry.usernameMissing')),
      password: (v) => (v ? null : t('entry.passwordMissing')),
    },
  })
  const signIn = useMutation({
    mutationFn: (v: typeof form.values) =>
      post<Session>('/session', { ...v, username: v.username.trim() }, { quiet401: true }),
    onSuccess: (s) => {
      started(s)
      router.history.push(search.return ?? '/')
    },
    onError: () => form.setFieldValue('password', ''),
  })
  const refused = isProblem(signIn.error, 401)
  return (
    <EntryFrame title={t('entry.signIn')}>
      <form onSubmit={form.onSubmit((v) => signIn.mutate(v))}>
        <Stack mt="md">
          {search.ended && !signIn.error && <Alert color="yellow">{t('entry.sessionEnded')}</Alert>}
          {refused ? (
            <Alert color="red" role="alert">
              {t('entry.refused')}
            </Alert>
          ) : (
            <ProblemAlert error={signIn.error} />
          )}
          <TextInput label={t('entry.username')} autoComplete="username" autoFocus {...form.getInputProps('username')} />
          <PasswordInput label={t('entry.password')} autoComplete="current-password" {...form.getInputProps('password')} />
          <Checkbox label={t('entry.remember')} {...form.getInputProps('remember', { type: 'checkbox' })} />
          <Button type="submit" size="md" loading={signIn.isPending}>
            {t('entry.signIn')}
          </Button>
        </Stack>
      </form>
    </EntryFrame>
  )
}
