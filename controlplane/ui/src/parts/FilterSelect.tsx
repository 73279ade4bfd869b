import { Select } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { controlsQuery, groupsQuery } from '../api/queries'
import { useControlText } from './control'

interface Props<T extends string> {
  label: string
  values: readonly T[]
  name?: (v: T) => string
  value?: string
  onChange: (v: T | undefined) => void
  width?: number
  searchable?: boolean
}

// FilterSelect narrows a list to one value. One that stands in the address but
// not among the values is offered too, so that it can be seen and taken away.
export function FilterSelect<T extends string>({ label, values, name, value, onChange, width = 150, searchable }: Props<T>) {
  const { t } = useTranslation()
  const all = [...new Set<string>([...values, ...(value ? [value] : [])])]
  return (
    <Select
      size="xs"
      w={width}
      placeholder={label}
      aria-label={label}
      data={all.map((v) => ({ value: v, label: name ? name(v as T) : v }))}
      value={value ?? null}
      onChange={(v) => onChange((v ?? undefined) as T | undefined)}
      searchable={searchable}
      clearable
      nothingFoundMessage={t('common.nothing')}
    />
  )
}

interface KnownProps {
  value?: string
  onChange: (v: string | undefined) => void
}

export function GroupSelect(props: KnownProps) {
  const { t } = useTranslation()
  const groups = useQuery({ ...groupsQuery, refetchInterval: false }).data?.items ?? []
  return <FilterSelect label={t('events.group')} values={groups.map((g) => g.name)} searchable {...props} />
}

export function ControlSelect(props: KnownProps) {
  const { t } = useTranslation()
  const text = useControlText()
  const controls = useQuery(controlsQuery).data ?? []
  return <FilterSelect label={t('events.control')} values={controls.map((c) => c.id)} name={text.title} width={200} searchable {...props} />
}
