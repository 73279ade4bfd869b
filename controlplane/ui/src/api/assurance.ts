import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { get, getVersioned } from './client'
import type { ControlField, ControlInfo, Page } from './types'

export type ExceptionState = 'requested' | 'approved' | 'refused' | 'revoked' | 'expired'

export interface ExceptionSpec {
  controls?: string[]
  ids?: string[]
  packages?: string[]
  paths?: string[]
  images?: string[]
  digests?: string[]
  stages?: string[]
  reason: string
  reasonClass: string
  owner: string
  expires: string
}

export interface ExceptionObject {
  name: string
  description: string
  state: ExceptionState
  document: { spec: ExceptionSpec }
  yaml: string
  owner: string
  expiresAt: string
  expiresSoon?: boolean
  requestedBy: string
  requestedAt: string
  decidedBy?: string
  decidedAt?: string
  comment?: string
  own?: boolean // asked for by this person
  version: number
}

export type Outcome = 'requested' | 'known' | 'skipped'

export interface ImportedStatement {
  statement: string
  outcome: Outcome
  exception?: string
  state?: ExceptionState // of one that was there already
  why?: string // it was left out
  ids: string[]
  packages: string[]
  image?: string
  digest?: string
}

export interface ImportedStatements {
  statements: ImportedStatement[]
  others: number // that do not say "not affected"
  format: string
}

export interface ExceptionSummary {
  requested: number
  approved: number
  expiring: number
  expired: number
  mostDays: number
  mayApprove: number
}

export const exceptionsQuery = (f: { state?: string; query?: string }) =>
  infiniteQueryOptions({
    queryKey: ['exceptions', f],
    queryFn: ({ pageParam }) => get<Page<ExceptionObject>>('/exceptions', { ...f, cursor: pageParam, limit: 100 }),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor || undefined,
  })

export const exceptionQuery = (name: string) =>
  queryOptions({
    queryKey: ['exceptions', 'one', name],
    queryFn: ({ signal }) => getVersioned<ExceptionObject>(`/exceptions/${encodeURIComponent(name)}`, signal),
  })

export const exceptionSummaryQuery = queryOptions({
  queryKey: ['exceptions', 'summary'],
  queryFn: () => get<ExceptionSummary>('/exception-summary'),
  refetchInterval: 60_000,
})

export interface Word {
  name: string
  about: string
  keys?: string[] | null
  in: string[]
}

export interface AssuranceCatalogue {
  items: ControlInfo[]
  spec: ControlField[]
  exceptions: ControlField[]
  accept: ControlField[]
  vocabulary: Word[]
}

export const assuranceQuery = queryOptions({
  queryKey: ['assurance-controls'],
  queryFn: () => get<AssuranceCatalogue>('/assurance-controls'),
  staleTime: Infinity,
})

export type Result = 'pass' | 'warn' | 'fail'

export interface Violation {
  control: string
  rule?: string
  mode: string
  message: string
  count: number
  refs?: { id: string; package?: string; version?: string; path?: string; detail?: string }[] | null
}

export interface SimulatedArtifact {
  id: string
  name: string
  kind: string
  digest?: string
  before: Result
  after: Result
  new: Violation[]
  gone: Violation[]
  running: number
  workloads: { enforcerId: string; group: string; hostname: string }[]
}

export interface SimulatedControl {
  control: string
  before: number
  after: number
  new: number
}

export interface AssuranceSimulation {
  judged: number
  outOfScope: number
  unread: number
  total?: number
  changes: SimulatedArtifact[]
  controls: SimulatedControl[]
  unscanned: { image: string; digest?: string; enforcers: number }[]
  nextCursor?: string
}

export interface TestedPolicy {
  tests: { name: string; problems: string[] | null; verdict: { result: Result } }[]
}
