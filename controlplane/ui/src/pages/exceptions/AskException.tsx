import { Button, Group, Modal, Select, Stack, TagsInput, Text, Textarea, TextInput, type ButtonProps } from '@mantine/core'
import { IconHandStop } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { exceptionSummaryQuery, type ExceptionObject } from '../../api/assurance'
import { post, put } from '../../api/client'
import { useMay, useSession } from '../../app/session'
import { done } from '../../parts/notify'
import { ProblemAlert } from '../../parts/states'
import { document, nameFor, reasonClasses, start, type Draft, type Subject } from './draft'

interface Props extends Subject {
  size?: ButtonProps['size']
  label?: string
}

// AskException is the button with which a person asks that a finding be
// accepted: on a vulnerability's row, on an image, on its own. What is known of
// the finding fills the form. It shows nothing to those who may not ask.
export function AskException({ size = 'xs', label, ...about }: Props) {
  const { t } = useTranslation()
  const [open, setOpen] = useState(false)
  if (!useMay('exceptions', 'request')) return null
  return (
    <>
      <Button
        size={size}
        variant="default"
        leftSection={<IconHandStop size={14} />}
        onClick={(e) => {
          e.stopPropagation()
          setOpen(true)
        }}
      >
        {label ?? t('exceptions.ask')}
      </Button>
      {open && <ExceptionForm about={about} onClose={() => setOpen(false)} />}
    </>
  )
}

interface FormProps {
  about?: Subject
  renew?: { value: ExceptionObject; etag: string } // an exception that is asked for again
  onClose: () => void
}

export function ExceptionForm({ about, renew, onClose }: FormProps) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const session = useSession()
  const most = useQuery(exceptionSummaryQuery).data?.mostDays
  const [d, setDraft] = useState<Draft>(() => start(about ?? {}, session?.user.username ?? '', renew?.value))
  const set = (part: Partial<Draft>) => setDraft((was) => ({ ...was, ...part }))
  const name = renew?.value.name ?? (d.name.trim() || nameFor(d))
  const ask = useMutation({
    mutationFn: () => {
      const body = { document: document(name, d) }
      return renew ? put<ExceptionObject>(`/exceptions/${encodeURIComponent(name)}`, body, renew.etag) : post<ExceptionObject>('/exceptions', body)
    },
    onSuccess: async () => {
      done(t('exceptions.asked', { name }))
      onClose()
      await client.invalidateQueries({ queryKey: ['exceptions'] })
    },
  })
  const list = (key: 'ids' | 'packages' | 'paths' | 'images' | 'digests', placeholder: string) => (
    <TagsInput
      size="xs"
      label={t(`exceptions.${key}`)}
      placeholder={d[key].length === 0 ? placeholder : undefined}
      value={d[key]}
      onChange={(v) => set({ [key]: v })}
      splitChars={[',', '\n']}
      styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
    />
  )
  const ready = d.reason.trim() !== '' && d.owner.trim() !== '' && d.reasonClass !== '' && d.expires !== '' && d.ids.length + d.packages.length + d.paths.length + d.controls.length > 0
  return (
    <Modal opened onClose={onClose} size="lg" title={renew ? t('exceptions.renewTitle', { name }) : t('exceptions.askTitle')} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <form
        onSubmit={(e) => {
          e.preventDefault()
          if (ready) ask.mutate()
        }}
      >
        <Stack gap="sm">
          <Text size="sm" c="dimmed">
            {t('exceptions.askLead')}
          </Text>
          {!renew && <TextInput size="xs" label={t('common.name')} placeholder={nameFor(d)} value={d.name} maxLength={63} onChange={(e) => set({ name: e.currentTarget.value })} />}
          <Group grow align="flex-start">
            {list('ids', 'CVE-2026-0001')}
            {list('packages', 'openssl')}
          </Group>
          <Group grow align="flex-start">
            {list('paths', '/app/**')}
            {list('images', 'registry.example.com/shop/**')}
          </Group>
          {d.digests.length > 0 && list('digests', 'sha256:…')}
          <Text size="xs" c="dimmed">
            {d.images.length + d.digests.length === 0 ? t('exceptions.everywhere') : t('exceptions.allMustMatch')}
          </Text>
          <Select
            size="xs"
            label={t('exceptions.reasonClass')}
            data={reasonClasses.map((c) => ({ value: c, label: t(`exceptions.classes.${c}`) }))}
            value={d.reasonClass || null}
            onChange={(v) => set({ reasonClass: v ?? '' })}
            required
          />
          <Textarea size="xs" label={t('exceptions.reason')} value={d.reason} onChange={(e) => set({ reason: e.currentTarget.value })} maxLength={1000} autosize minRows={2} required />
          <Group grow align="flex-start">
            <TextInput size="xs" label={t('exceptions.owner')} description={t('exceptions.ownerHelp')} value={d.owner} maxLength={200} onChange={(e) => set({ owner: e.currentTarget.value })} required />
            <TextInput
              size="xs"
              type="date"
              label={t('exceptions.expires')}
              description={most ? t('exceptions.mostDays', { count: most }) : ' '}
              value={d.expires}
              onChange={(e) => set({ expires: e.currentTarget.value })}
              required
            />
          </Group>
          <ProblemAlert error={ask.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('common.cancel')}
            </Button>
            <Button type="submit" disabled={!ready} loading={ask.isPending}>
              {t('exceptions.send')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
