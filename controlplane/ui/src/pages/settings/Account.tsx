import { Alert, Button, PasswordInput, Stack } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useMutation } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { address, isProblem, Problem, setCSRF } from '../../api/client'
import { queryClient, sessionQuery } from '../../api/queries'
import type { ProblemBody, Session } from '../../api/types'
import { useSession } from '../../app/session'
import { done } from '../../parts/notify'
import { ProblemAlert } from '../../parts/states'
import { passwordOK } from '../entry/password'
import { PasswordRules } from '../entry/PasswordRules'
import { SectionHead } from './SectionHead'

export function Account() {
  const { t } = useTranslation()
  const session = useSession()
  const username = session?.user.username ?? ''
  const form = useForm({
    initialValues: { current: '', next: '', again: '' },
    validate: {
      next: (v) => (passwordOK(v, username) ? null : t('entry.passwordWeak')),
      again: (v, all) => (v === all.next ? null : t('entry.passwordDiffers')),
    },
  })
  const change = useMutation({
    mutationFn: (v: typeof form.values) => changePassword(session?.csrfToken ?? '', v.current, v.next),
    onSuccess: (s) => {
      // The server ends every session and opens a new one for this browser.
      setCSRF(s.csrfToken)
      queryClient.setQueryData(sessionQuery.queryKey, s)
      done(t('settings.account.changed'))
      form.reset()
    },
  })
  return (
    <section>
      <SectionHead title={t('settings.account.title')} lead={t('settings.account.lead', { username })} />
      <form onSubmit={form.onSubmit((v) => change.mutate(v))}>
        <Stack maw={420}>
          <input type="text" name="username" autoComplete="username" value={username} readOnly hidden />
          <PasswordInput label={t('settings.account.current')} autoComplete="current-password" {...form.getInputProps('current')} />
          <PasswordInput label={t('settings.account.next')} autoComplete="new-password" {...form.getInputProps('next')} />
          <PasswordRules password={form.values.next} username={username} />
          <PasswordInput label={t('entry.passwordAgain')} autoComplete="new-password" {...form.getInputProps('again')} />
          {isProblem(change.error, 401) ? (
            <Alert color="red" role="alert">
              {t('settings.account.wrong')}
            </Alert>
          ) : (
            <ProblemAlert error={change.error} />
          )}
          <Button type="submit" loading={change.isPending} w="fit-content">
            {t('settings.account.change')}
          </Button>
        </Stack>
      </form>
    </section>
  )
}

// A wrong current password is answered with 401 too: that must not look like
// the end of the session, so this call does not go through the client.
async function changePassword(csrf: string, current: string, next: string): Promise<Session> {
  const res = await fetch(address('/session/password'), {
    method: 'PUT',
    credentials: 'same-origin',
    headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf },
    body: JSON.stringify({ current, new: next }),
  })
  const body: unknown = await res.json().catch(() => ({}))
  if (!res.ok) throw new Problem(res.status, body as ProblemBody)
  return body as Session
}
