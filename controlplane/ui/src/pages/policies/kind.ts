import { useQuery } from '@tanstack/react-query'
import { createContext, useContext } from 'react'
import { assuranceQuery, type Word } from '../../api/assurance'
import { controlsQuery, exceptionFieldsQuery } from '../../api/queries'
import type { ControlField, ControlInfo, Mode } from '../../api/types'
import type { PolicySearch } from '../../app/search'
import { useControlText } from '../../parts/control'
import { useWords, type Said } from '../../parts/words'

// PolicyKind is a kind of policies as the editor knows it. The server speaks of
// both in the same shapes; what they can say comes from its catalogue.
export interface PolicyKind {
  id: 'policies' | 'assurance' // key of queries, and of the page's name
  api: '/policies' | '/assurance-policies'
  list: '/policies' | '/assurance'
  one: '/policies/$policy' | '/assurance/$policy'
  fresh: '/policies/-/new' | '/assurance/-/new'
  modes: readonly Mode[]
  order: readonly string[] // of categories
  tabs: readonly NonNullable<PolicySearch['tab']>[]
}

export const runtimeKind: PolicyKind = {
  id: 'policies', api: '/policies', list: '/policies', one: '/policies/$policy', fresh: '/policies/-/new', modes: ['off', 'audit', 'enforce'],
  order: ['executables', 'processes', 'behaviour', 'network', 'privilege', 'files'], tabs: ['edit', 'groups', 'revisions'],
}

export const assuranceKind: PolicyKind = {
  id: 'assurance', api: '/assurance-policies', list: '/assurance', one: '/assurance/$policy', fresh: '/assurance/-/new', modes: ['off', 'audit', 'warn', 'block'],
  order: ['findings', 'content', 'configuration', 'function', 'origin', 'trust', 'custom'], tabs: ['edit', 'simulate', 'tests', 'revisions'],
}

export const KindContext = createContext<PolicyKind>(runtimeKind)
export const useKind = () => useContext(KindContext)

export interface Catalogue {
  items?: ControlInfo[]
  exceptions?: ControlField[]
  spec?: ControlField[]
  vocabulary?: Word[]
  error: unknown
  isPending: boolean
  refetch: () => void
}

// useCatalogue describes what a policy of the kind can say.
export function useCatalogue(): Catalogue {
  const runtime = useKind().id === 'policies'
  const controls = useQuery({ ...controlsQuery, enabled: runtime })
  const exceptions = useQuery({ ...exceptionFieldsQuery, enabled: runtime })
  const assurance = useQuery({ ...assuranceQuery, enabled: !runtime })
  if (!runtime) {
    return { ...assurance.data, error: assurance.error, isPending: assurance.isPending, refetch: () => void assurance.refetch() }
  }
  return {
    items: controls.data, exceptions: exceptions.data, error: controls.error ?? exceptions.error, isPending: controls.isPending,
    refetch: () => {
      void controls.refetch()
      void exceptions.refetch()
    },
  }
}

// useTitles names the controls of the kind.
export function useTitles(): { title: (id?: string) => string; description: (id: string) => Said } {
  const runtime = useKind().id === 'policies'
  const known = useControlText()
  const words = useWords()
  const items = useCatalogue().items
  if (runtime) return known
  return {
    title: (id) => words(items?.find((c) => c.id === id)?.title ?? id).text,
    description: (id) => words(items?.find((c) => c.id === id)?.description),
  }
}
