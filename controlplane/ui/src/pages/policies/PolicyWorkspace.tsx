import { Badge, Button, Group, Menu, Tabs, Tooltip } from '@mantine/core'
import { useHotkeys } from '@mantine/hooks'
import { IconCopy, IconDeviceFloppy, IconDots, IconDownload, IconTrash } from '@tabler/icons-react'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useBlocker, useNavigate } from '@tanstack/react-router'
import { useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { del, type Versioned } from '../../api/client'
import type { Policy } from '../../api/types'
import type { PolicySearch } from '../../app/search'
import { useMay } from '../../app/session'
import { Confirm } from '../../parts/Confirm'
import { PageHeader } from '../../parts/PageHeader'
import { save } from '../../parts/files'
import { Assign } from './Assign'
import { parse } from './document'
import { useKind } from './kind'
import { PolicyEditor } from './PolicyEditor'
import { Revisions } from './Revisions'
import { SaveDialog } from './SaveDialog'
import { useValidation } from './validation'

interface Props {
  name?: string
  loaded?: Versioned<Policy>
  start?: string // text that is not stored yet
  search: PolicySearch
  onSearch: (s: PolicySearch) => void
  note?: ReactNode // between the heading and the text
  panel?: (tab: 'simulate' | 'tests', text: string) => ReactNode // of tabs that the kind has beside the common ones
  unsaved?: boolean // something on those tabs is not kept
  onCreated?: (name: string) => void
}

export function PolicyWorkspace({ name, loaded, start, search, onSearch, note, panel, unsaved = false, onCreated }: Props) {
  const { t } = useTranslation()
  const kind = useKind()
  const navigate = useNavigate()
  const client = useQueryClient()
  const mayWrite = useMay('policies')
  // What the text is compared with and saved over: kept apart from the query,
  // so that a change by somebody else is noticed when saving, not lost.
  const [base, setBase] = useState({ text: loaded?.value.yaml ?? '', etag: loaded?.etag ?? '', revision: loaded?.value.revision })
  const [text, setText] = useState(start ?? loaded?.value.yaml ?? '')
  const [saving, setSaving] = useState(false)
  const [deleting, setDeleting] = useState(false)
  const dirty = text !== base.text
  const validation = useValidation(text, dirty || !name)
  const parsed = parse(text)
  const title = name ?? t('policies.newTitle')
  const tabs = kind.tabs.filter((x) => name || (x !== 'groups' && x !== 'revisions'))
  const tab = tabs.find((x) => x === search.tab) ?? 'edit'

  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) => (dirty || unsaved) && name !== undefined && mayWrite && current.pathname !== next.pathname,
    enableBeforeUnload: () => (dirty || unsaved) && mayWrite,
    withResolver: true,
  })
  useHotkeys([['mod+S', () => dirty && mayWrite && setSaving(true)]], [])

  const remove = useMutation({
    mutationFn: () => del(`${kind.api}/${encodeURIComponent(name ?? '')}`),
    onSuccess: async () => {
      setText(base.text)
      await navigate({ to: kind.list, ignoreBlocker: true })
      await client.invalidateQueries({ queryKey: [kind.id] })
    },
  })

  const saved = async (p: Versioned<Policy>) => {
    setBase({ text, etag: p.etag, revision: p.value.revision })
    setSaving(false)
    await client.invalidateQueries({ queryKey: [kind.id] })
    if (!name) onCreated?.(p.value.name)
    if (!name) await navigate({ to: kind.one, params: { policy: p.value.name }, ignoreBlocker: true })
  }

  return (
    <>
      <PageHeader
        title={title}
        back={{ to: kind.list, label: t(`nav.${kind.id}`) }}
        badge={
          <Group gap={6}>
            {base.revision !== undefined && (
              <Badge color="gray" variant="default">
                {t('policies.revisionN', { n: base.revision })}
              </Badge>
            )}
            {dirty && <Badge color="yellow">{t('policies.unsaved')}</Badge>}
          </Group>
        }
        lead={parsed.document?.metadata?.description}
        actions={
          <>
            {mayWrite && (
              <>
                {name && (
                  <Button variant="default" disabled={!dirty} onClick={() => setText(base.text)}>
                    {t('common.discard')}
                  </Button>
                )}
                <Tooltip label="Ctrl/⌘ S">
                  <Button leftSection={<IconDeviceFloppy size={16} />} disabled={!dirty || validation.errors.length > 0} onClick={() => setSaving(true)}>
                    {name ? t('policies.save') : t('common.create')}
                  </Button>
                </Tooltip>
              </>
            )}
            {name && (
              <Menu position="bottom-end">
                <Menu.Target>
                  <Button variant="default" px={8} aria-label={t('common.actions')}>
                    <IconDots size={16} />
                  </Button>
                </Menu.Target>
                <Menu.Dropdown>
                  {mayWrite && (
                    <Menu.Item leftSection={<IconCopy size={15} />} onClick={() => void navigate({ to: kind.fresh, search: { from: name } })}>
                      {t('policies.duplicate')}
                    </Menu.Item>
                  )}
                  <Menu.Item leftSection={<IconDownload size={15} />} onClick={() => save(`${name}.yaml`, 'application/yaml', text)}>
                    {t('policies.exportYaml')}
                  </Menu.Item>
                  {mayWrite && (
                    <Menu.Item color="red" leftSection={<IconTrash size={15} />} onClick={() => setDeleting(true)}>
                      {t('policies.delete')}
                    </Menu.Item>
                  )}
                </Menu.Dropdown>
              </Menu>
            )}
          </>
        }
      />
      {note}
      <Tabs value={tab} onChange={(v) => onSearch({ ...search, tab: v === 'edit' ? undefined : (v as PolicySearch['tab']) })}>
        <Tabs.List mb="md">
          {tabs.map((x) => (
            <Tabs.Tab key={x} value={x}>
              {t(`policies.tabs.${x}`)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="edit">
          <PolicyEditor
            text={text}
            onText={setText}
            validation={validation}
            readOnly={!mayWrite}
            control={search.control}
            onControl={(control) => onSearch({ ...search, control })}
          />
        </Tabs.Panel>
        {(tab === 'simulate' || tab === 'tests') && <Tabs.Panel value={tab}>{panel?.(tab, text)}</Tabs.Panel>}
        {name && (
          <>
            {kind.id === 'policies' && (
              <Tabs.Panel value="groups">
                <Assign policy={name} />
              </Tabs.Panel>
            )}
            <Tabs.Panel value="revisions">
              <Revisions
                policy={name}
                current={base.text}
                selected={search.revision}
                onSelect={(revision) => onSearch({ ...search, revision })}
                onRestore={
                  mayWrite
                    ? (yaml) => {
                        setText(yaml)
                        onSearch({})
                      }
                    : undefined
                }
              />
            </Tabs.Panel>
          </>
        )}
      </Tabs>
      {saving && (
        <SaveDialog
          name={name}
          base={base}
          text={text}
          onClose={() => setSaving(false)}
          onSaved={(p) => void saved(p)}
          onNewBase={(p) => setBase({ text: p.value.yaml ?? '', etag: p.etag, revision: p.value.revision })}
        />
      )}
      <Confirm
        opened={deleting}
        danger
        title={t('policies.deleteTitle', { name })}
        confirm={t('policies.delete')}
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => remove.mutate()}
        onClose={() => setDeleting(false)}
      >
        {t(kind.id === 'assurance' ? 'assurance.deleteText' : 'policies.deleteText')}
      </Confirm>
      <Confirm
        opened={blocker.status === 'blocked'}
        danger
        title={t('policies.leaveTitle')}
        confirm={t('policies.leave')}
        onConfirm={() => blocker.status === 'blocked' && blocker.proceed()}
        onClose={() => blocker.status === 'blocked' && blocker.reset()}
      >
        {t('policies.leaveText')}
      </Confirm>
    </>
  )
}
