import { TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { IconSearch } from '@tabler/icons-react'
import { useState, type ReactNode } from 'react'

interface Props {
  label: string
  value?: string // as the address has it
  onChange: (v: string | undefined) => void
  icon?: ReactNode
  width?: number
}

// SearchField is the field that "/" leads to. What is typed goes into the
// address a moment after the last key.
export function SearchField({ label, value, onChange, icon = <IconSearch size={14} />, width = 240 }: Props) {
  const [text, setText] = useState(value ?? '')
  const later = useDebouncedCallback((v: string) => onChange(v.trim() || undefined), 400)
  return (
    <TextInput
      data-page-search
      size="xs"
      w={width}
      leftSection={icon}
      placeholder={label}
      aria-label={label}
      value={text}
      onChange={(e) => {
        setText(e.currentTarget.value)
        later(e.currentTarget.value)
      }}
    />
  )
}
