import { Button, Group, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'

// SaveFailing offers what tests stopped, once the person has read which fail.
export function SaveFailing({ help, busy, onSave }: { help: string; busy: boolean; onSave: () => void }) {
  const { t } = useTranslation()
  return (
    <Group justify="space-between" wrap="nowrap">
      <Text size="sm" c="dimmed">
        {help}
      </Text>
      <Button variant="light" color="red" onClick={onSave} loading={busy} style={{ flexShrink: 0 }}>
        {t('assurance.saveFailing')}
      </Button>
    </Group>
  )
}
