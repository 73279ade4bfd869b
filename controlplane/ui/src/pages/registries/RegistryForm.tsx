import { Accordion, Button, Group, Modal, Select, Stack, TagsInput, TextInput } from '@mantine/core'
import { IconPlugConnected } from '@tabler/icons-react'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { post, put } from '../../api/client'
import { registryPath, registryQuery, registryTypesQuery, type Registry, type RegistrySpec, type RegistryType, type Tested } from '../../api/registries'
import { done } from '../../parts/notify'
import { Loading, ProblemAlert } from '../../parts/states'
import { bodyOf, draftOf, newDraft, type Draft } from './draft'
import { Choice, Protection, SignIn, Timing } from './fields'
import { Result } from './Result'

interface Props {
  id?: string // of the registry that is changed
  onSaved: (r: Registry) => void
  onClose: () => void
}

// RegistryForm adds a registry, or changes one.
export function RegistryForm({ id, onSaved, onClose }: Props) {
  const { t } = useTranslation()
  const types = useQuery(registryTypesQuery)
  const query = useQuery({ ...registryQuery(id ?? ''), enabled: id !== undefined, staleTime: Infinity })
  const was = query.data?.value
  const first = types.data?.find((k) => k.type === (was?.spec.type ?? 'docker-hub')) ?? types.data?.[0]
  const ready = first !== undefined && (id === undefined || was !== undefined)
  return (
    <Modal opened onClose={onClose} size="xl" title={was ? t('registries.editNamed', { name: was.name }) : t('registries.add')} closeOnClickOutside={false} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <ProblemAlert error={types.error ?? query.error} />
      {!ready && !types.error && !query.error && <Loading rows={6} />}
      {ready && types.data && <Fields types={types.data} first={first} was={was} etag={query.data?.etag} onSaved={onSaved} onClose={onClose} />}
    </Modal>
  )
}

// The form is longer than a window: its answer must not appear unseen.
const intoView = (e: HTMLElement | null) => e?.scrollIntoView({ block: 'nearest' })

function Fields({ types, first, was, etag, onSaved, onClose }: { types: RegistryType[]; first: RegistryType; was?: Registry; etag?: string } & Omit<Props, 'id'>) {
  const { t } = useTranslation()
  const [d, setDraft] = useState<Draft>(() => (was ? draftOf(was) : newDraft(first)))
  const k = types.find((x) => x.type === d.spec.type) ?? first
  const test = useMutation({ mutationFn: () => post<Tested>('/registry-test', { ...bodyOf(k, d), ...(was ? { id: was.id } : {}) }) })
  const save = useMutation({
    mutationFn: () => (was ? put<Registry>(registryPath(was.id), bodyOf(k, d), etag) : post<Registry>('/registries', { name: d.name.trim(), ...bodyOf(k, d) })),
    onSuccess: (r) => {
      done(t('registries.saved', { name: r.name }))
      onSaved(r)
    },
  })
  const change = (next: Draft) => {
    test.reset()
    save.reset()
    setDraft(next)
  }
  const set = (part: Partial<RegistrySpec>) => change({ ...d, spec: { ...d.spec, ...part } })
  const part = { kind: k, draft: d, set }
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault()
        save.mutate()
      }}
    >
      <Stack gap="sm">
        <Group grow align="flex-start">
          <Select label={t('registries.type')} data={types.map((x) => ({ value: x.type, label: x.label }))} value={k.type} disabled={was !== undefined} onChange={(v) => change(newDraft(types.find((x) => x.type === v) ?? k, d))} allowDeselect={false} searchable data-autofocus />
          <TextInput label={t('common.name')} placeholder="shop" value={d.name} disabled={was !== undefined} required maxLength={63} onChange={(e) => change({ ...d, name: e.currentTarget.value })} />
        </Group>
        {!k.address && <TextInput label={t('registries.address')} placeholder={k.example} value={d.spec.address ?? ''} required maxLength={2048} onChange={(e) => set({ address: e.currentTarget.value })} />}
        {k.fields.includes('apiAddress') && <TextInput label={t('registries.apiAddress')} description={t('registries.apiAddressHelp')} placeholder="https://gitlab.example.com" value={d.spec.apiAddress ?? ''} required={k.needs.includes('apiAddress')} maxLength={2048} onChange={(e) => set({ apiAddress: e.currentTarget.value })} />}
        <SignIn {...part} kept={was?.credentials ?? []} onSecret={(name, v) => change({ ...d, secrets: { ...d.secrets, [name]: v } })} />
        {k.fields.includes('namespaces') && <TagsInput label={t('registries.namespaces')} description={t('registries.namespacesHelp')} value={d.spec.namespaces ?? []} required={k.needs.includes('namespaces')} maxTags={200} onChange={(namespaces) => set({ namespaces })} />}
        <TextInput label={t('common.description')} value={d.description} maxLength={1024} onChange={(e) => change({ ...d, description: e.currentTarget.value })} />
        <Accordion multiple defaultValue={['timing']} variant="separated">
          <Section value="timing" title={t('registries.timing')}>
            <Timing {...part} />
          </Section>
          <Section value="choice" title={t('registries.choice')}>
            <Choice {...part} />
          </Section>
          <Section value="protection" title={t('registries.protection')}>
            <Protection {...part} />
          </Section>
        </Accordion>
        {(test.data ?? save.error ?? test.error) && (
          <div ref={intoView}>
            {test.data && <Result tested={test.data} />}
            <ProblemAlert error={save.error ?? test.error} />
          </div>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <Button variant="light" leftSection={<IconPlugConnected size={16} />} loading={test.isPending} onClick={() => test.mutate()}>
            {t('registries.test')}
          </Button>
          <Button type="submit" loading={save.isPending}>
            {t('common.save')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

function Section({ value, title, children }: { value: string; title: string; children: React.ReactNode }) {
  return (
    <Accordion.Item value={value}>
      <Accordion.Control>{title}</Accordion.Control>
      <Accordion.Panel>{children}</Accordion.Panel>
    </Accordion.Item>
  )
}
