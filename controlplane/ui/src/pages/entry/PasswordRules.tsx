import { Group, Stack, Text } from '@mantine/core'
import { IconCheck, IconPoint } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { minPassword, passwordRules } from './password'

export function PasswordRules({ password, username }: { password: string; username: string }) {
  const { t } = useTranslation()
  return (
    <Stack gap={2} role="list" aria-label={t('entry.rules.title')}>
      {passwordRules(password, username).map((r) => (
        <Group key={r.id} gap={6} wrap="nowrap" role="listitem" c={r.ok ? 'limpet' : 'dimmed'}>
          {r.ok ? <IconCheck size={14} aria-label={t('entry.rules.met')} /> : <IconPoint size={14} aria-label={t('entry.rules.notMet')} />}
          <Text size="xs">{t(`entry.rules.${r.id}`, { count: minPassword })}</Text>
        </Group>
      ))}
    </Stack>
  )
}
