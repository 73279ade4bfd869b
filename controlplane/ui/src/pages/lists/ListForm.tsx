import { Alert, Button, FileButton, Group, Modal, ScrollArea, Select, Stack, Text, Textarea, TextInput } from '@mantine/core'
import { IconFileText } from '@tabler/icons-react'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { isProblem, post, put } from '../../api/client'
import { listQuery } from '../../api/queries'
import type { ReputationList } from '../../api/types'
import { done } from '../../parts/notify'
import { Loading, ProblemAlert } from '../../parts/states'
import { lineProblems } from './lines'

// ListForm makes a list, or changes one.
export function ListForm({ name, onClose }: { name?: string; onClose: () => void }) {
  const { t } = useTranslation()
  const query = useQuery({ ...listQuery(name ?? ''), enabled: name !== undefined })
  return (
    <Modal opened onClose={onClose} size="xl" title={name ? t('lists.editNamed', { name }) : t('lists.add')} closeOnClickOutside={false} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <ProblemAlert error={query.error} />
      {name !== undefined && query.isPending && <Loading rows={4} />}
      {name === undefined && <Fields onClose={onClose} />}
      {name !== undefined && query.data && <Fields list={query.data.value} etag={query.data.etag} onClose={onClose} />}
    </Modal>
  )
}

const most = 200 // lines that are named

function Fields({ list, etag, onClose }: { list?: ReputationList; etag?: string; onClose: () => void }) {
  const { t, i18n } = useTranslation()
  const [name, setName] = useState(list?.name ?? '')
  const [description, setDescription] = useState(list?.description ?? '')
  const [content, setContent] = useState(list?.content ?? '')
  const [format, setFormat] = useState(list?.format ?? 'text')
  const [column, setColumn] = useState(list?.column ?? '')
  const send = useMutation({
    mutationFn: (dryRun: boolean) => {
      const body = { name: name.trim(), description: description.trim(), content, format, ...(format === 'csv' && column.trim() ? { column: column.trim() } : {}) }
      if (list) return put<ReputationList>(`/reputation-lists/${encodeURIComponent(list.name)}`, body, etag, { dryRun })
      return post<ReputationList>('/reputation-lists', body, { query: { dryRun } })
    },
    onSuccess: (saved, dryRun) => {
      if (dryRun) return
      done(t('lists.saved', { name: saved.name }))
      if (!saved.warnings?.length) onClose()
    },
  })
  const read = async (file: File | null) => {
    if (!file) return
    send.reset()
    setContent(await file.text())
    if (/\.csv$/i.test(file.name)) setFormat('csv')
    if (!name) setName(file.name.toLowerCase().replace(/\.[^.]*$/, '').replace(/[^a-z0-9.-]+/g, '-').replace(/^[.-]+|[.-]+$/g, ''))
  }
  const number = (n: number) => new Intl.NumberFormat(i18n.language).format(n)
  const lines = isProblem(send.error, 422) ? lineProblems(send.error.errors) : []
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault()
        send.mutate(false)
      }}
    >
      <Stack gap="sm">
        <Group grow align="flex-start">
          <TextInput label={t('common.name')} description={t('lists.nameHelp')} placeholder="bad-hosts" value={name} disabled={list !== undefined} maxLength={63} required onChange={(e) => setName(e.currentTarget.value)} data-autofocus />
          <TextInput label={t('common.description')} description={t('lists.descriptionHelp')} value={description} maxLength={1024} onChange={(e) => setDescription(e.currentTarget.value)} />
        </Group>
        <Group align="flex-end">
          <Select
            label={t('lists.format')}
            data={[
              { value: 'text', label: t('lists.formats.text') },
              { value: 'csv', label: 'CSV' },
            ]}
            value={format}
            onChange={(v) => setFormat(v ?? 'text')}
            allowDeselect={false}
            w={220}
          />
          {format === 'csv' && <TextInput label={t('lists.column')} placeholder="1" value={column} maxLength={128} w={180} onChange={(e) => setColumn(e.currentTarget.value)} />}
          <FileButton onChange={(f) => void read(f)} accept=".txt,.csv,.list,.netset,text/*" inputProps={{ 'aria-label': t('lists.file') }}>
            {(props) => (
              <Button {...props} variant="default" leftSection={<IconFileText size={15} />}>
                {t('lists.file')}
              </Button>
            )}
          </FileButton>
        </Group>
        <Textarea
          label={t('lists.content')}
          description={t('lists.contentHelp')}
          placeholder={'# one a line\n203.0.113.7\n198.51.100.0/24\n2001:db8::/32\nevil.example'}
          value={content}
          onChange={(e) => {
            send.reset()
            setContent(e.currentTarget.value)
          }}
          rows={12}
          required
          spellCheck={false}
          styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', resize: 'vertical' } }}
        />
        {lines.length > 0 ? (
          <Alert color="red" role="alert" title={t('lists.wrong', { count: lines.length })}>
            <ScrollArea.Autosize mah={200} type="auto" viewportProps={{ tabIndex: 0 }}>
              <Stack gap={2}>
                {lines.slice(0, most).map((l, i) => (
                  <Text key={i} size="sm" style={{ overflowWrap: 'anywhere' }}>
                    {l.line > 0 && <b>{t('lists.line', { n: number(l.line) })} </b>}
                    <span lang="en">{l.message}</span>
                  </Text>
                ))}
              </Stack>
            </ScrollArea.Autosize>
          </Alert>
        ) : (
          <ProblemAlert error={send.error} />
        )}
        {send.data && (
          <Alert color="limpet" role="status" title={t('lists.valid')}>
            {t('lists.counts', { entries: number(send.data.entries), ranges: number(send.data.ranges), names: number(send.data.names) })}
            {send.data.warnings?.map((w) => (
              <Text key={w} size="sm" lang="en">
                {w}
              </Text>
            ))}
          </Alert>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <Button variant="light" onClick={() => send.mutate(true)} loading={send.isPending} disabled={!name.trim() || !content.trim()}>
            {t('lists.check')}
          </Button>
          <Button type="submit" loading={send.isPending} disabled={!name.trim() || !content.trim()}>
            {t('common.save')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
