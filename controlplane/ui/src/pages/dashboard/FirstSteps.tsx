import { Box, Code, Group, Paper, Stack, Text, Title } from '@mantine/core'
import { IconCheck } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import type { Dashboard } from '../../api/types'
import { useMay } from '../../app/session'
import { ButtonLink } from '../../parts/links'

// FirstSteps is the dashboard of an install that protects nothing yet.
export function FirstSteps({ data }: { data: Dashboard }) {
  const { t } = useTranslation()
  const mayAdd = useMay('groups')
  const hasGroup = (data.groups ?? 0) > 0
  const steps = [
    {
      id: 'group' as const,
      done: hasGroup,
      action: mayAdd && (
        <ButtonLink to="/enforcers" search={{ add: true }} variant={hasGroup ? 'default' : 'filled'}>
          {t('enforcers.add')}
        </ButtonLink>
      ),
    },
    { id: 'wrap' as const, done: false, action: <Code block>limpet wrap nginx:1.27 -o nginx:protected</Code> },
    {
      id: 'watch' as const,
      done: false,
      action: (
        <ButtonLink to="/events" variant="default">
          {t('steps.watch.action')}
        </ButtonLink>
      ),
    },
  ]
  return (
    <Paper p="xl" maw={760}>
      <Title order={2}>{t('steps.title')}</Title>
      <Text size="sm" c="dimmed" mb="lg">
        {t('steps.lead')}
      </Text>
      <Stack gap="xl">
        {steps.map((s, i) => (
          <Group key={s.id} align="flex-start" wrap="nowrap" gap="md">
            <span className={s.done ? 'step-number step-done' : 'step-number'}>
              {s.done ? <IconCheck size={16} aria-label={t('steps.done')} /> : i + 1}
            </span>
            <Box flex={1} miw={0}>
              <Title order={3}>{t(`steps.${s.id}.title`)}</Title>
              <Text size="sm" c="dimmed" mb="xs">
                {t(`steps.${s.id}.text`)}
              </Text>
              {s.action}
            </Box>
          </Group>
        ))}
      </Stack>
    </Paper>
  )
}
