import { Button, Group, Pill, Select, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { IconSearch, IconX } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { controlsQuery, groupsQuery } from '../../api/queries'
import { eventRanges, type EventsSearch } from '../../app/search'
import { absolute } from '../../parts/When'
import { useControlText } from '../../parts/control'
import { isFiltered } from './filter'

const kinds = ['exec', 'network', 'socket', 'process', 'privilege', 'tamper', 'file', 'lifecycle', 'status', 'dropped'] as const

interface Props {
  search: EventsSearch
  onSearch: (s: EventsSearch) => void
}

export function EventFilters({ search, onSearch }: Props) {
  const { t, i18n } = useTranslation()
  const controlText = useControlText()
  const controls = useQuery(controlsQuery).data ?? []
  const groups = useQuery({ ...groupsQuery, refetchInterval: false }).data?.items ?? []
  const [text, setText] = useState(search.q ?? '')
  const set = (part: Partial<EventsSearch>) => onSearch({ ...search, id: undefined, ...part })
  const setLater = useDebouncedCallback((q: string) => set({ q: q.trim() || undefined }), 400)
  const ids = new Set([...controls.map((c) => c.id), 'selfProtection', 'revokedImage', ...(search.control ? [search.control] : [])])
  // Filters without a field of their own come from links: they are shown so
  // that they can be taken away.
  const pills: [string, keyof EventsSearch][] = []
  if (search.image) pills.push([`${t('events.image')}: ${search.image}`, 'image'])
  if (search.finding) pills.push([`${t('findings.title')}: ${search.finding}`, 'finding'])
  if (search.enforcer) pills.push([`${t('events.enforcer')}: ${search.enforcer}`, 'enforcer'])
  if (search.from) pills.push([`${t('events.from')}: ${absolute(search.from, i18n.language)}`, 'from'])
  if (search.to) pills.push([`${t('events.to')}: ${absolute(search.to, i18n.language)}`, 'to'])
  return (
    <Group gap="xs" mb="sm" role="search" aria-label={t('events.filters')}>
      <TextInput
        data-page-search
        size="xs"
        w={240}
        value={text}
        onChange={(e) => {
          setText(e.currentTarget.value)
          setLater(e.currentTarget.value)
        }}
        placeholder={t('events.search')}
        aria-label={t('events.search')}
        leftSection={<IconSearch size={14} />}
      />
      <Select
        size="xs"
        w={130}
        aria-label={t('events.range')}
        placeholder={t('events.range')}
        data={eventRanges.map((r) => ({ value: r, label: t(`events.ranges.${r}`) }))}
        value={search.range ?? null}
        onChange={(v) => set({ range: (v ?? undefined) as EventsSearch['range'], from: undefined, to: undefined })}
        clearable
      />
      <Select
        size="xs"
        w={140}
        aria-label={t('events.verdict')}
        placeholder={t('events.verdict')}
        data={(['deny', 'audit', 'allow'] as const).map((v) => ({ value: v, label: t(`verdict.${v}`) }))}
        value={search.verdict ?? null}
        onChange={(v) => set({ verdict: (v ?? undefined) as EventsSearch['verdict'] })}
        clearable
      />
      <Select
        size="xs"
        w={200}
        aria-label={t('events.control')}
        placeholder={t('events.control')}
        data={[...ids].map((id) => ({ value: id, label: controlText.title(id) }))}
        value={search.control ?? null}
        onChange={(v) => set({ control: v ?? undefined })}
        searchable
        clearable
        nothingFoundMessage={t('common.nothing')}
      />
      <Select
        size="xs"
        w={140}
        aria-label={t('events.kind')}
        placeholder={t('events.kind')}
        data={kinds.map((k) => ({ value: k, label: t(`kind.${k}`) }))}
        value={search.kind ?? null}
        onChange={(v) => set({ kind: v ?? undefined })}
        clearable
      />
      <Select
        size="xs"
        w={150}
        aria-label={t('events.group')}
        placeholder={t('events.group')}
        data={[...new Set([...groups.map((g) => g.name), ...(search.group ? [search.group] : [])])]}
        value={search.group ?? null}
        onChange={(v) => set({ group: v ?? undefined })}
        searchable
        clearable
        nothingFoundMessage={t('common.nothing')}
      />
      {pills.map(([label, k]) => (
        <Pill key={k} withRemoveButton onRemove={() => set({ [k]: undefined })} removeButtonProps={{ 'aria-label': t('events.clear') }}>
          {label}
        </Pill>
      ))}
      {isFiltered(search) && (
        <Button
          size="xs"
          variant="subtle"
          color="gray"
          leftSection={<IconX size={14} />}
          onClick={() => {
            setText('')
            onSearch({ paused: search.paused })
          }}
        >
          {t('events.clear')}
        </Button>
      )}
    </Group>
  )
}
