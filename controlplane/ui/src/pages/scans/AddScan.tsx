import { Button, Group, Modal, Stack, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { post } from '../../api/client'
import { done } from '../../parts/notify'
import { ProblemAlert } from '../../parts/states'
import type { ScanJob } from './queries'

// AddScan queues an image.
export function AddScan({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const [reference, setReference] = useState('')
  const [platform, setPlatform] = useState('')
  const send = useMutation({
    mutationFn: () => post<ScanJob>('/scan-jobs', { reference: reference.trim(), ...(platform.trim() ? { platform: platform.trim() } : {}) }),
    onSuccess: (j) => {
      done(t('scans.queued', { image: j.reference }))
      onClose()
    },
  })
  return (
    <Modal opened onClose={onClose} title={t('scans.add')} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <form
        onSubmit={(e) => {
          e.preventDefault()
          send.mutate()
        }}
      >
        <Stack gap="sm">
          <TextInput label={t('scans.image')} description={t('scans.imageHelp')} placeholder="registry.example.com/shop/web:1.4" value={reference} maxLength={512} required onChange={(e) => setReference(e.currentTarget.value)} data-autofocus />
          <TextInput label={t('scans.platform')} description={t('scans.platformHelp')} placeholder="linux/amd64" value={platform} maxLength={64} onChange={(e) => setPlatform(e.currentTarget.value)} />
          <ProblemAlert error={send.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('common.cancel')}
            </Button>
            <Button type="submit" loading={send.isPending} disabled={!reference.trim()}>
              {t('scans.add')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
