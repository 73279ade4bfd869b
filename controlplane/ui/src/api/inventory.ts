import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { get } from './client'
import type { Page } from './types'

// The shapes of the inventory: what was scanned, and what scans found.

export type Severity = 'critical' | 'high' | 'medium' | 'low' | 'negligible' | 'unknown'
export type Result = 'pass' | 'warn' | 'fail'
export type Integrity = 'complete' | 'partial' | 'untrusted'

export type SeverityCounts = Record<Severity | 'fixable', number>

export interface Artifact {
  id: string
  kind: string
  name: string
  digest?: string
  platform?: string
  os?: string
  created?: string
  size: number
  labels: Record<string, string>
  firstSeen: string
  scannedAt: string
  scanId: string
  source: string
  result: Result
  integrity: Integrity
  packages: number
  vulnerabilities: SeverityCounts
  secrets: number
  malware: number
  misconfigurations: number
  repository?: string
  risk: number
  exploited: number
  running: number
}

export interface Pipeline { system?: string; repository?: string; branch?: string; commit?: string; build?: string; url?: string }

export interface Scan {
  id: string
  artifactId: string
  scannedAt: string
  scannedBy: string
  source: string
  scanner: string
  databaseBuilt?: string
  result: Result
  reportBytes: number
  name: string
  digest?: string
  integrity?: Integrity
  risk: number
  critical: number
  high: number
  medium: number
  low: number
  fixable: number
  failed?: string[]
  pipeline?: Pipeline
}

export interface Ref { id: string; package?: string; version?: string; path?: string; detail?: string }
export interface AssuranceVerdict {
  result: Result
  policies?: {
    policy: string
    result: Result
    message?: string
    violations?: { control: string; rule?: string; mode: string; message: string; count: number; refs?: Ref[] }[]
    excepted?: { exception: string; control: string; ref: Ref; reason: string; owner: string; expires?: string }[]
    expiredExceptions?: string[]
    unusedExceptions?: string[]
    notJudged?: string[]
  }[] | null
}

export interface ArtifactDetail extends Artifact { verdict: AssuranceVerdict; scans: Scan[] }

export interface Found {
  id: string
  inUse?: Use
  severity: Severity
  packageId: string
  package: string
  packageVersion: string
  packageType: string
  fixedVersion?: string
  score: number
  epss: number
  kev: boolean
  title?: string
  layer: number
  firstSeen: string
}

export interface InstalledPackage {
  id: string; name: string; version: string; type: string; purl?: string; licences?: string; owner?: string; path?: string; layer: number; vulnerabilities: number
  inUse: Use; evidence?: UseEvidence[]
}
export type Use = 'yes' | 'notSeen' | 'unknown'
export interface UseEvidence { path: string; how: 'executed' | 'opened'; by?: string; group: string; lastSeen: string }

export interface Place { path: string; layer?: string; line?: number; inside?: string }
export interface Layer { index: number; diffID: string; digest?: string; size?: number; createdBy?: string; base?: boolean }
export interface LayerView extends Layer { vulnerabilities: SeverityCounts; packages: number; secrets: number; malware: number }
export interface Suppressed { id: string; package: string; name?: string; version?: string; path?: string; by: string; reason: string; owner?: string; expires?: string }

export interface Contents {
  os?: { id: string; version: string; name?: string; endOfLife?: string; ended?: boolean }
  database?: { digest: string; built: string }
  integrity: { verdict: Integrity; anomalies?: { code: string; effect: Integrity; layer?: string; path?: string; detail?: string }[] }
  coverage: { ecosystem: string; packages: number; data: boolean; detail?: string }[]
  config?: { user?: string; entrypoint?: string[]; cmd?: string[]; ports?: string[]; volumes?: string[] }
  baseName?: string
  risk: { reason: string; count: number; points: number; of: number }[]
  layers: LayerView[]
  secrets: { rule: string; category: string; title: string; severity: Severity; place: Place; masked?: string }[]
  malware: { rule: string; engine: string; source: string; sha256: string; severity: Severity; place: Place }[]
  misconfigurations: { id: string; title: string; severity: Severity; message: string; resolution?: string; references?: string[]; place?: Place }[]
  licences: { name: string; category: string; count: number; examples: string[] }[]
  suppressed: Suppressed[]
  totals: Record<string, number>
}

export interface FullVulnerability {
  id: string
  aliases?: string[]
  package: string
  name: string
  version: string
  severity: Severity
  severitySource?: string
  cvss?: { source: string; version: string; vector: string; score: number }[]
  fixState: string
  fixedVersion?: string
  fixedAt?: string
  published?: string
  title?: string
  description?: string
  urls?: string[]
  cwes?: string[]
  epss?: { score: number; percentile: number; date: string }
  kev?: { added: string; due?: string; ransomware?: boolean }
  ssvc?: { exploitation?: string; automatable?: string; technicalImpact?: string }
  place?: Place
  why: { advisory: string; source: string; ecosystem: string; compared: string }
}

export interface Explanation {
  items: { vulnerability: FullVulnerability; package?: { evidence?: string; licences?: string[]; places?: Place[]; ownedBy?: string }; layer?: Layer }[]
  suppressed: Suppressed[]
}

export interface Step {
  base: boolean
  name: string
  type?: string
  from?: string
  to?: string
  path?: string
  closes: number
  critical: number
  high: number
  exploited: number
  epss: number
  ids: string[]
  packages?: { name: string; from: string; to: string }[]
  commands: { where: 'shell' | 'dockerfile'; text: string }[]
}

export interface Change { id: string; severity: Severity; type: string; package: string; version: string; fixedVersion?: string; kev: boolean; title?: string }
export interface Comparison {
  from: Artifact
  to: Artifact
  added: Change[]
  fixed: Change[]
  packages: { type: string; name: string; from: string[]; to: string[] }[]
  totals: Record<'added' | 'fixed' | 'same' | 'packages', number>
}

export interface Vulnerability {
  id: string; severity: Severity; score: number; epss: number; kev: boolean; fixable: boolean; title?: string; artifacts: number; firstSeen: string; running: number
}
export interface VulnerabilityDetail extends Vulnerability { details?: FullVulnerability }
export interface Carrier extends Found { artifactId: string; artifact: string; digest?: string; kind: string; result: Result; running: number }
export interface Workload { enforcerId: string; group: string; hostname: string; image: string; imageDigest: string; lastSeen: string }
export interface Repository { name: string; artifacts: number; failing: number; newest: Artifact }

export interface InventoryDay {
  day: string; artifacts: number; failing: number; risk: number; exploited: number; critical: number; high: number; medium: number; low: number; fixable: number; running: number; unscanned: number
}
export interface Inventory {
  now: InventoryDay
  days: InventoryDay[]
  artifacts: Artifact[]
  vulnerabilities: Vulnerability[]
  gaps: { image: string; imageDigest: string; enforcers: number }[]
}

type Filter = Record<string, string | number | boolean | undefined>

// paged is a list that the server gives page by page.
const paged = <T>(path: string, filter: Filter = {}) =>
  infiniteQueryOptions({
    queryKey: ['inventory', path, filter],
    queryFn: ({ pageParam }) => get<Page<T>>(path, { ...filter, cursor: pageParam, limit: 50 }),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor || undefined,
  })

const one = <T>(path: string, filter: Filter = {}) =>
  queryOptions({ queryKey: ['inventory', path, filter], queryFn: () => get<T>(path, filter) })

const at = (id: string) => `/artifacts/${encodeURIComponent(id)}`
const of = (id: string) => `/vulnerabilities/${encodeURIComponent(id)}`

export const artifactsQuery = (f: Filter) => paged<Artifact>('/artifacts', f)
export const repositoriesQuery = (query?: string) => paged<Repository>('/repositories', { query })
export const artifactQuery = (id: string) => one<ArtifactDetail>(at(id))
export const contentsQuery = (id: string) => one<Contents>(`${at(id)}/contents`)
export const foundQuery = (id: string, f: Filter) => paged<Found>(`${at(id)}/vulnerabilities`, f)
export const packagesQuery = (id: string, f: Filter) => paged<InstalledPackage>(`${at(id)}/packages`, f)
export const explanationQuery = (id: string, vulnerability: string, pkg?: string) =>
  one<Explanation>(`${at(id)}/vulnerabilities/${encodeURIComponent(vulnerability)}`, { package: pkg })
export const fixesQuery = (id: string) => one<{ running: number; items: Step[] }>(`${at(id)}/fixes`)
export const compareQuery = (id: string, f: { scan?: string; with?: string; withScan?: string }) => one<Comparison>(`${at(id)}/compare`, f)
export const artifactWorkloadsQuery = (id: string) => paged<Workload>(`${at(id)}/workloads`)
export const vulnerabilitiesQuery = (f: Filter) => paged<Vulnerability>('/vulnerabilities', f)
export const vulnerabilityQuery = (id: string) => one<VulnerabilityDetail>(of(id))
export const carriersQuery = (id: string) => paged<Carrier>(`${of(id)}/artifacts`)
export const vulnerableWorkloadsQuery = (id: string) => paged<Workload>(`${of(id)}/workloads`)
export const ciScansQuery = (f: Filter) => paged<Scan>('/scans', { source: 'ci', ...f })
export const inventoryQuery = queryOptions({ queryKey: ['inventory', 'now'], queryFn: () => get<Inventory>('/inventory'), staleTime: 60_000, refetchInterval: 60_000 })
export const scanQuery = (id: string) => one<Scan & { verdict: AssuranceVerdict }>(`/scans/${encodeURIComponent(id)}`)
