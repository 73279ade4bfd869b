import { Button, Modal, Stack, Text } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { useMutation } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { getText } from '../../api/client'
import { useMay } from '../../app/session'
import { save } from '../../parts/files'
import { done } from '../../parts/notify'
import { ProblemAlert } from '../../parts/states'
import { statementsOf } from './statements'

// ExportStatements hands over what approved exceptions say of the inventory.
// A document that says nothing is none: the person hears why.
export function ExportStatements() {
  const { t } = useTranslation()
  const write = useMutation({
    mutationFn: () => getText('/exception-statements'),
    onSuccess: (text) => {
      const count = statementsOf(text)
      if (count === 0) return
      save('limpet-exceptions.openvex.json', 'application/json', text)
      done(t('exceptions.exported', { count }))
    },
  })
  const empty = write.data !== undefined && statementsOf(write.data) === 0
  if (!useMay('inventory', 'read')) return null
  return (
    <>
      <Button size="sm" variant="default" leftSection={<IconDownload size={15} />} loading={write.isPending} onClick={() => write.mutate()}>
        {t('exceptions.export')}
      </Button>
      <Modal opened={empty || write.isError} onClose={() => write.reset()} title={empty ? t('exceptions.exportEmpty') : t('exceptions.export')} closeButtonProps={{ 'aria-label': t('common.close') }}>
        <Stack>
          {empty && <Text size="sm">{t('exceptions.exportEmptyHelp')}</Text>}
          <ProblemAlert error={write.error} onRetry={() => write.mutate()} />
        </Stack>
      </Modal>
    </>
  )
}
