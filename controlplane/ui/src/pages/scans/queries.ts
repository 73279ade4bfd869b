import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { get } from '../../api/client'
import type { Page } from '../../api/types'

export interface ScanJob {
  id: string
  state: 'waiting' | 'leased' | 'done' | 'failed' | 'cancelled'
  reference: string
  platform?: string
  reason: 'manual' | 'ci' | 'webhook' | 'rescan' | 'schedule'
  createdAt: string
  createdBy?: string
  notBefore?: string
  attempts: number
  failures: number
  worker?: string
  leasedAt?: string
  done: number
  of: number
  finishedAt?: string
  error?: string
  artifactId?: string
  result?: 'pass' | 'warn' | 'fail'
}

export interface ScanWorker {
  name: string
  version: string
  address?: string
  slots: number
  running: number
  done: number
  failed: number
  lastSeen: string
  active: boolean
}

export interface ScanQueue {
  waiting: number
  leased: number
  failed: number
  done: number
  cancelled: number
  endedLastHour: number
  oldestWaiting?: string
  workers: ScanWorker[]
}

export interface ScanJobFilter {
  state?: string
  reason?: string
  query?: string
}

// What runs moves within seconds.
const refetchInterval = 2_000

export const scanQueueQuery = queryOptions({
  queryKey: ['scan-queue'],
  queryFn: () => get<ScanQueue>('/scan-queue'),
  refetchInterval,
})

export const scanJobsQuery = (f: ScanJobFilter) =>
  infiniteQueryOptions({
    queryKey: ['scan-jobs', f],
    queryFn: ({ pageParam }) => get<Page<ScanJob>>('/scan-jobs', { ...f, cursor: pageParam, limit: 50 }),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor || undefined,
    refetchInterval,
  })
