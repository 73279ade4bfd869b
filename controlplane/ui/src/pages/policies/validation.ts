import { useDebouncedValue } from '@mantine/hooks'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { post } from '../../api/client'
import type { PolicyError, Validation } from '../../api/types'
import { parse } from './document'
import { useKind } from './kind'

export interface ValidationState {
  errors: PolicyError[]
  checking: boolean
  failed?: unknown // the server could not be asked
}

// useValidation asks the server about the text a moment after the last key.
// Text that is no YAML is not sent: the parser here says where it breaks.
export function useValidation(text: string, on: boolean): ValidationState {
  const { api } = useKind()
  const [asked] = useDebouncedValue(text, 350)
  const local = useMemo(() => parse(text).errors, [text])
  const query = useQuery({
    queryKey: ['validate', api, asked],
    queryFn: () => post<Validation>(`${api}/validate`, { yaml: asked }),
    enabled: on && local.length === 0 && asked === text,
    placeholderData: keepPreviousData,
    staleTime: Infinity,
    gcTime: 60_000,
  })
  const errors = useMemo(
    () => (local.length > 0 ? local : on && query.data && !query.data.valid ? (query.data.errors ?? []) : none),
    [local, on, query.data],
  )
  return { errors, checking: on && (query.isFetching || asked !== text), failed: on ? query.error : undefined }
}

const none: PolicyError[] = []
