import { Button, Group, Modal, Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { ProblemAlert } from './states'

interface Props {
  opened: boolean
  title: string
  children: ReactNode
  confirm: string
  danger?: boolean
  blocked?: boolean // it cannot be carried out; the text says why
  busy?: boolean
  error?: unknown
  onConfirm: () => void
  onClose: () => void
}

export function Confirm({ opened, title, children, confirm, danger, blocked, busy, error, onConfirm, onClose }: Props) {
  const { t } = useTranslation()
  return (
    <Modal opened={opened} onClose={onClose} title={title} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <Stack>
        <Text size="sm" component="div">
          {children}
        </Text>
        <ProblemAlert error={error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose} data-autofocus>
            {t('common.cancel')}
          </Button>
          <Button color={danger ? 'red.9' : undefined} loading={busy} disabled={blocked} onClick={onConfirm}>
            {confirm}
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}
