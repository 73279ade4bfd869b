import { Alert, Button, Group, Modal, Stack, Text, Textarea } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { getVersioned, isProblem, post, put, testsFail, type Versioned } from '../../api/client'
import type { Policy } from '../../api/types'
import { DiffView } from '../../parts/DiffView'
import { done } from '../../parts/notify'
import { ProblemAlert } from '../../parts/states'
import { useKind } from './kind'
import { SaveFailing } from './SaveFailing'

interface Props {
  name?: string // undefined: the policy is new
  base: { text: string; etag: string; revision?: number }
  text: string
  onClose: () => void
  onSaved: (p: Versioned<Policy>) => void
  onNewBase: (p: Versioned<Policy>) => void
}

// SaveDialog shows the change before it is made. If somebody else changed the
// policy meanwhile (412), it shows the change against theirs and asks again.
export function SaveDialog({ name, base, text, onClose, onSaved, onNewBase }: Props) {
  const { t } = useTranslation()
  const kind = useKind()
  const [note, setNote] = useState('')
  const [theirs, setTheirs] = useState<Policy>()
  const write = useMutation({
    mutationFn: async (failing: boolean) => {
      const body = { yaml: text, note: note.trim() || undefined }
      const p = name
        ? await put<Policy>(`${kind.api}/${encodeURIComponent(name)}`, body, base.etag, failing ? { allowFailingTests: true } : undefined)
        : await post<Policy>(kind.api, body)
      return getVersioned<Policy>(`${kind.api}/${encodeURIComponent(p.name)}`)
    },
    onSuccess: (p) => {
      done(t('policies.saved', { name: p.value.name, n: p.value.revision }))
      onSaved(p)
    },
    onError: async (e) => {
      if (!name || !isProblem(e, 412)) return
      const p = await getVersioned<Policy>(`${kind.api}/${encodeURIComponent(name)}`)
      setTheirs(p.value)
      onNewBase(p)
    },
  })
  const conflict = isProblem(write.error, 412) && theirs !== undefined
  return (
    <Modal opened onClose={onClose} size="xl" title={name ? t('policies.saveTitle', { name }) : t('policies.createTitle')} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <Stack>
        {conflict ? (
          <Alert color="yellow" title={t('policies.conflictTitle', { who: theirs.updatedBy ?? '?', n: theirs.revision })} role="alert">
            {t('policies.conflictText')}
          </Alert>
        ) : (
          <Text size="sm" c="dimmed">
            {t(kind.id === 'assurance' ? 'assurance.saveText' : 'policies.saveText')}
          </Text>
        )}
        <DiffView before={base.text} after={text} />
        <Textarea size="xs" label={t('policies.note')} placeholder={t('policies.noteHelp')} value={note} onChange={(e) => setNote(e.currentTarget.value)} maxLength={2000} autosize />
        {!conflict && <ProblemAlert error={write.error} />}
        {testsFail(write.error) && <SaveFailing help={t('assurance.failingHelp')} busy={write.isPending} onSave={() => write.mutate(true)} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <Button onClick={() => write.mutate(false)} loading={write.isPending} color={conflict ? 'yellow' : undefined} data-autofocus>
            {conflict ? t('policies.saveOver') : name ? t('policies.saveConfirm') : t('common.create')}
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}
