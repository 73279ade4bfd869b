import { queryOptions } from '@tanstack/react-query'
import { get } from '../../api/client'

export interface Feed {
  name: string
  source?: string
  licence?: string
  fetched?: string
  newest?: string
  records: number
  bad: number
  partial: boolean
  faults: string[]
}

export interface System {
  os: string
  ecosystem?: string
  artifacts: number
  data: boolean
}

export interface Database {
  schema: number
  digest: string
  built: string
  ageSeconds: number
  old: boolean
  sample: boolean
  size: number
  installed: string
  signature: 'verified' | 'unsigned' | 'notChecked' | 'wrong'
  signer?: string
  flaw?: string
  details: number
  jars: number
  feeds: Feed[]
  ecosystems: { name: string; packages: number; rows: number }[]
}

export interface DatabaseStatus {
  file?: string
  database?: Database
  problem?: string
  mirrors: string[]
  intervalSeconds: number
  next?: string
  updating: boolean
  matching: boolean
  lastAttempt?: {
    at: string
    by?: string
    outcome: 'updated' | 'upToDate' | 'downgrade' | 'untrusted' | 'schema' | 'unreachable' | 'failed'
    error?: string
    mirror?: string
    delta: boolean
    bytes: number
    warnings: string[]
  }
  lastGood?: string
  failures: number
  matched?: { at: string; built: string; reports: number; error?: string }
  systems: System[]
}

export const databaseQuery = queryOptions({
  queryKey: ['vulnerability-database'],
  queryFn: () => get<DatabaseStatus>('/vulnerability-database'),
  // What is going on moves within seconds.
  refetchInterval: (q) => (q.state.data?.updating || q.state.data?.matching ? 2_000 : 30_000),
})
