import { queryOptions } from '@tanstack/react-query'
import { get, getAll, getVersioned } from './client'

// The answers of controlplane/api's registries.

export type Sender = 'docker-hub' | 'harbor' | 'quay' | 'github' | 'acr' | 'eventbridge' | 'artifactory' | 'nexus' | 'distribution'
// Names of products, the same in every language.
export const senders: Record<Sender, string> = {
  'docker-hub': 'Docker Hub', harbor: 'Harbor', quay: 'Quay', github: 'GitHub', acr: 'Azure Container Registry', eventbridge: 'Amazon EventBridge',
  artifactory: 'JFrog Artifactory', nexus: 'Sonatype Nexus', distribution: 'Docker registry (distribution)',
}

export type Method = 'anonymous' | 'basic' | 'bearer' | 'aws' | 'serviceAccount' | 'servicePrincipal'
export type ProblemKind =
  | 'dns' | 'unreachable' | 'timeout' | 'tls' | 'unauthorized' | 'forbidden' | 'not-found' | 'not-a-registry' | 'rate-limited'
  | 'address-refused' | 'elsewhere' | 'too-much' | 'credentials' | 'failed'

export interface Patterns { include?: string[]; exclude?: string[] }

export interface RegistrySpec {
  type: string
  address?: string
  apiAddress?: string
  auth?: {
    method?: Method
    username?: string
    region?: string
    accessKeyId?: string
    roleArn?: string
    externalId?: string
    tenantId?: string
    clientId?: string
  }
  namespaces?: string[]
  tls?: { ca?: string; clientCertificate?: string; insecure?: boolean }
  authHosts?: string[]
  select?: { repositories?: Patterns; tags?: Patterns; maxAgeDays?: number; newest?: number; architectures?: string[]; maximum?: number }
  schedule?: { every?: string; daily?: string; timeZone?: string; rescan?: boolean }
  webhook?: { sender?: Sender }
}

export interface Registry {
  id: string
  name: string
  description: string
  spec: RegistrySpec
  credentials: string[]
  insecure: boolean
  webhook?: { sender: Sender; url: string; secret?: string }
  syncing: boolean
  nextSync?: string
  syncedAt?: string
  tookMs?: number
  state: 'new' | 'ok' | 'partial' | 'failed'
  problemKind?: ProblemKind
  problem?: string
  found: { repositories: number; tags: number; gone: number; enqueued: number }
  updatedAt: string
  updatedBy: string
}

export interface RegistryType {
  type: string
  label: string
  address?: string
  example?: string
  methods: Method[]
  fields: string[]
  needs: string[]
  secrets: string[]
  search: boolean
  senders: Sender[]
}

export interface Tested {
  ok: boolean
  kind?: ProblemKind
  message?: string
  reset?: string
  repositories: string[]
  more?: boolean
  rate?: { limit?: number; remaining: number }
  tookMs: number
}

export interface RepositoryHit {
  repository: string
  description?: string
  stars?: number
  official?: boolean
  gone?: boolean
  selected?: boolean
}

export interface TagHit { tag: string; digest?: string; created?: string; platforms: string[] }
export interface Pick { repository: string; tag: string }
export interface Added extends Pick { digest?: string; ok: boolean; kind?: ProblemKind; message?: string }

export const registryPath = (id: string) => `/registries/${encodeURIComponent(id)}`

// A look that runs, or is about to, ends within seconds.
export const registriesQuery = queryOptions({
  queryKey: ['registries'],
  queryFn: () => getAll<Registry>('/registries'),
  refetchInterval: (q) => (q.state.data?.items.some((r) => r.syncing || (r.nextSync && Date.parse(r.nextSync) <= Date.now())) ? 2_000 : 15_000),
})

export const registryQuery = (id: string) => queryOptions({ queryKey: ['registries', id], queryFn: () => getVersioned<Registry>(registryPath(id)), gcTime: 0 })

export const registryTypesQuery = queryOptions({
  queryKey: ['registry-types'],
  queryFn: () => get<{ items: RegistryType[] }>('/registry-types').then((r) => r.items),
  staleTime: Infinity,
})

export const repositorySearchQuery = (id: string, q: string) =>
  queryOptions({ queryKey: ['registries', id, 'search', q], queryFn: () => get<{ items: RepositoryHit[] }>(`${registryPath(id)}/search`, { q }), staleTime: 60_000, retry: false })

export const remoteTagsQuery = (id: string, repository: string) =>
  queryOptions({
    queryKey: ['registries', id, 'remote-tags', repository],
    queryFn: () => get<{ items: TagHit[]; more?: boolean }>(`${registryPath(id)}/remote-tags`, { repository }),
    staleTime: 60_000,
    retry: false,
  })
