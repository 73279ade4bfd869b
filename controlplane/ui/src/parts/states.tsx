import { Alert, Button, Group, List, Skeleton, Stack, Text, ThemeIcon, Title } from '@mantine/core'
import { IconAlertCircle, IconRefresh } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Problem } from '../api/client'

export function Loading({ rows = 6 }: { rows?: number }) {
  const { t } = useTranslation()
  return (
    <Stack gap="xs" role="status" aria-label={t('common.loading')}>
      {Array.from({ length: rows }, (_, i) => (
        <Skeleton key={i} height={30} radius="sm" />
      ))}
    </Stack>
  )
}

// useAdvice turns a failure into what happened and what to do about it.
export function useAdvice(): (e: unknown) => { title: string; detail: string; advice: string } {
  const { t } = useTranslation()
  return (e) => {
    if (!(e instanceof Problem)) {
      return { title: t('problem.unexpected'), detail: e instanceof Error ? e.message : String(e), advice: t('problem.doReload') }
    }
    const known = {
      0: ['problem.unreachable', 'problem.doUnreachable'],
      401: ['problem.signedOut', 'problem.doSignIn'],
      403: ['problem.forbidden', 'problem.doAskAdmin'],
      404: ['problem.notFound', 'problem.doNotFound'],
      409: ['problem.conflict', 'problem.doConflict'],
      412: ['problem.changed', 'problem.doChanged'],
      413: ['problem.tooLarge', 'problem.doTooLarge'],
      422: ['problem.invalid', 'problem.doInvalid'],
      429: ['problem.tooMany', 'problem.doWait'],
    } as const
    const k = known[e.status as keyof typeof known]
    if (k) return { title: t(k[0]), detail: e.detail, advice: t(k[1]) }
    if (e.status >= 500) return { title: t('problem.server'), detail: e.detail || e.title, advice: t('problem.doServer') }
    return { title: e.title || t('problem.refused'), detail: e.detail, advice: '' }
  }
}

export function ProblemAlert({ error, onRetry, mb }: { error: unknown; onRetry?: () => void; mb?: string }) {
  const { t } = useTranslation()
  const advice = useAdvice()
  if (!error) return null
  const { title, detail, advice: todo } = advice(error)
  const errors = error instanceof Problem ? error.errors : []
  return (
    <Alert color="red" icon={<IconAlertCircle size={18} />} title={title} mb={mb} role="alert">
      <Stack gap={6}>
        {detail && <Text size="sm">{detail}</Text>}
        {errors.length > 0 && (
          <List size="sm" spacing={2}>
            {errors.slice(0, 10).map((f, i) => (
              <List.Item key={i}>
                {f.location && <code>{f.location}</code>} {f.message}
              </List.Item>
            ))}
          </List>
        )}
        {todo && (
          <Text size="sm" c="dimmed">
            {todo}
          </Text>
        )}
        {onRetry && (
          <Group>
            <Button size="xs" variant="default" leftSection={<IconRefresh size={14} />} onClick={onRetry}>
              {t('common.retry')}
            </Button>
          </Group>
        )}
      </Stack>
    </Alert>
  )
}

interface EmptyProps {
  icon: ReactNode
  title: string
  children?: ReactNode
  action?: ReactNode
}

// Empty says why there is nothing here and what fills it.
export function Empty({ icon, title, children, action }: EmptyProps) {
  return (
    <Stack align="center" gap="sm" py={48} px="md" className="empty">
      <ThemeIcon size={48} radius="xl" variant="light" color="limpet" aria-hidden="true">
        {icon}
      </ThemeIcon>
      <Title order={3} ta="center">
        {title}
      </Title>
      {children && (
        <Text size="sm" c="dimmed" ta="center" maw={520} component="div">
          {children}
        </Text>
      )}
      {action}
    </Stack>
  )
}
