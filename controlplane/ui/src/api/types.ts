// The shapes of /api/v1, as the server sends them. Written by hand from the
// contract; the server's own description is at /api/v1/openapi.json. Fields
// that an older or newer server may leave out are optional.

export type Mode = 'off' | 'audit' | 'enforce' | 'warn' | 'block' // the last two: assurance
export type GroupMode = 'audit' | 'enforce'
export type Verdict = 'allow' | 'audit' | 'deny'
export type OnNoPolicy = 'audit' | 'refuse'

export interface Page<T> {
  items: T[]
  nextCursor?: string
  total?: number
}

export interface FieldProblem {
  location?: string
  message: string
  value?: unknown
}

export interface ProblemBody {
  type?: string
  title?: string
  status?: number
  detail?: string
  errors?: FieldProblem[]
}

export interface Setup {
  needed: boolean
  version?: string
}

export interface Session {
  user: { username: string; roles: string[] }
  tenant: string
  permissions: string[]
  csrfToken: string
  expiresAt?: string
}

export interface User {
  username: string
  roles: string[]
  disabled?: boolean
  createdAt?: string
  updatedAt?: string
  lastLoginAt?: string
}

export interface APIToken {
  id: string
  name: string
  prefix?: string
  token?: string // only in the answer to its creation
  roles: string[]
  createdAt?: string
  createdBy?: string
  expiresAt?: string
  lastUsedAt?: string
}

export interface Group {
  name: string
  description?: string
  mode: GroupMode
  labels?: Record<string, string> | null
  policies?: string[] | null
  onNoPolicy: OnNoPolicy
  registries?: string[] | null
  requiredLabels?: Record<string, string> | null
  learning?: boolean
  members?: { total: number; connected: number; stale?: number }
  createdAt?: string
  updatedAt?: string
}

export interface JoinToken {
  id: string
  token?: string // only in the answer to its creation
  secret?: string
  prefix?: string
  maxUses: number // 0: any number
  uses?: number
  usesLeft?: number
  expired?: boolean
  createdAt?: string
  createdBy?: string
  expiresAt?: string
}

export interface Install {
  command: string
  notes?: string[] | null
}

export interface EffectiveControl {
  control: string
  mode: Mode
  available?: boolean
  sources?: { policy: string; mode: Mode; asked?: Mode; weakened?: string }[] | null
  notes?: string[] | null
}

export type ControlState = 'enforced' | 'audit' | 'off' | 'unavailable'

export interface ControlStatus {
  control: string
  state: ControlState
  reason?: string
  errno?: number | string
}

export interface Facility {
  name: string
  ok: boolean
  errno?: number | string
  detail?: string
}

export interface Enforcer {
  id: string
  group: string
  kind: string
  hostname: string
  image?: string
  imageDigest?: string
  identityClaimed?: boolean
  version?: string
  rung?: string
  kernel?: string
  arch?: string
  labels?: Record<string, string> | null
  state: string
  stopping?: boolean
  tasks?: number
  remoteAddr?: string
  skewMs?: number
  firstSeen?: string
  lastSeen?: string
  bundle?: { epoch: number; number: number; current?: boolean }
  controls?: ControlStatus[] | null
  events?: { generated?: number; acked?: number; dropped?: number; spooled?: number }
  facilities?: Record<string, unknown> | Facility[] | null
}

export interface PolicyDocument {
  apiVersion: string
  kind: string
  metadata: { name: string; description?: string; labels?: Record<string, string> }
  spec: Record<string, unknown>
}

export interface Policy {
  name: string
  yaml?: string
  document?: PolicyDocument
  description?: string
  revision: number
  updatedAt?: string
  updatedBy?: string
  groups?: string[] | null
}

export interface ReputationList {
  name: string
  description: string
  format: string
  column?: string
  content?: string // not in lists of lists
  entries: number
  ranges: number
  names: number
  warnings?: string[] // in answers to a change
  updatedAt: string
  updatedBy: string
  policies: string[] // that name it
}

export interface RevokedImage {
  digest: string
  image: string
  groups: string[] // empty: everywhere
  reason: string
  revokedBy: string
  revokedAt: string
  enforcers: number // that report it now
}

export interface PolicyRevision {
  revision: number
  updatedAt?: string
  updatedBy?: string
  yaml?: string
  document?: PolicyDocument
  note?: string
}

export interface PolicyError {
  line?: number
  column?: number
  path?: string
  message: string
}

export interface Validation {
  valid: boolean
  errors?: PolicyError[] | null
  document?: PolicyDocument
}

export interface ControlField {
  name: string
  type: string // string, boolean, integer, list, object
  items?: string // type of a list's entries
  format?: string
  enum?: string[] | null
  description?: string
  required?: boolean
  available?: boolean
  minimum?: number
  maximum?: number
  fields?: ControlField[] | null // keys of an object or of a list's objects
}

export interface ControlInfo {
  id: string
  title: string
  category: string
  description?: string
  technique?: string
  available: boolean
  fixed?: boolean // always enforced, no policy sets it
  reason?: string
  example?: string // YAML
  fields?: ControlField[] | null
}

export interface PlatformCell {
  enforce: ControlState
  audit: ControlState
  why?: string
  whyAudit?: string
}

export interface PlatformTable {
  platforms: { id: string; title: string; rung: string; about: string }[]
  controls: { control: string; on: PlatformCell[] }[]
}

export interface Process {
  pid?: number
  tid?: number
  ppid?: number
  uid?: number
  gid?: number
  user?: string
  exe?: string
  comm?: string
  args?: string[] | null
  argsTruncated?: boolean
  digest?: string
  startTime?: string | number
  outside?: boolean
  session?: number
}

export interface EventObject {
  type?: string // file, network, dns, call, dropped
  name?: string
  queryType?: string
  server?: string
  target?: string
  tunnel?: string
  path?: string
  requested?: string
  digest?: string
  expectedDigest?: string
  origin?: string
  fileless?: boolean
  interpreter?: string
  mode?: number
  operation?: string
  otherPath?: string
  digestBefore?: string
  digestAfter?: string
  localAddress?: string
  localPort?: number
  protocol?: string
  address?: string
  port?: number
  direction?: string
  domain?: number
  socketType?: number
  socketProtocol?: number
  syscall?: string
  detail?: string
  count?: number | string
  firstNs?: number | string
  lastNs?: number | string
  byControl?: Record<string, number | string>
  reason?: string
}

export interface Explain {
  rule?: string
  policy?: string
  mode?: Mode
  groupMode?: Mode
  asked?: Mode // what the policy asks for now
  why?: string
}

export interface SecurityEvent {
  id: string
  tenant?: string
  enforcerId?: string
  group?: string
  bootId?: string
  sequence?: number | string
  observedAt: string
  lastObservedAt?: string
  receivedAt?: string
  kind: string
  verdict: Verdict
  mode?: Mode
  control?: string
  rule?: string
  policy?: string
  technique?: string
  reason?: string
  process?: Process
  ancestors?: Process[] | null
  object?: EventObject
  errno?: number
  errnoName?: string
  killed?: boolean
  count?: number | string
  workload?: {
    image?: string
    imageDigest?: string
    claimed?: boolean
    hostname?: string
    labels?: Record<string, string> | null
  }
  bundle?: { epoch?: number | string; number?: number | string }
  attributes?: Record<string, string> | null
  explain?: Explain
}

export interface Proposal {
  policy: string
  diff?: string
  document?: PolicyDocument
  yaml?: string
  revision?: number
  etag?: string
  note?: string
}

export interface TimeBucket {
  at: string
  allow?: number
  audit?: number
  deny?: number
}

export interface NamedCount {
  name: string
  count: number
}

export interface Dashboard {
  enforcers: { total: number; connected: number; stale?: number }
  events24h: { allow?: number; audit?: number; deny?: number }
  timeline?: TimeBucket[] | null
  topControls?: NamedCount[] | null
  topImages?: NamedCount[] | null
  recent?: SecurityEvent[] | null
  policies?: number
  groups?: number
  versionSkew?: unknown
}

export interface Summary {
  timeline?: TimeBucket[] | null
  buckets?: TimeBucket[] | null
  topControls?: NamedCount[] | null
  topImages?: NamedCount[] | null
}

export interface AuditEntry {
  id: string
  at: string
  actor: string
  action: string
  objectKind?: string
  objectName?: string
  before?: unknown
  after?: unknown
  remoteAddr?: string
}

export type FindingState = 'open' | 'acknowledged' | 'muted'

export interface Finding {
  id: string
  control: string
  rule: string
  policy: string
  image: string
  imageDigest: string
  executable: string
  object: string
  kind: string
  technique: string
  audited: number
  denied: number
  firstSeen: string
  lastSeen: string
  state: FindingState
  reason: string
  changedBy: string
  changedAt?: string
  expiresAt?: string
  since: number
}

export interface FindingPage extends Page<Finding> {
  states: Partial<Record<FindingState, number>>
}

export interface FindingDetail extends Finding {
  places: { group: string; enforcerId: string; count: number; lastSeen: string }[]
  placeCount: number
}

export type ProfileKind = 'exec' | 'connect' | 'listen' | 'socket' | 'privilege' | 'file'

export interface ReadinessReason {
  name: string
  points: number
  of: number
  text: string
  values?: number[] // the numbers of the text; times in seconds
}

export interface Readiness {
  score: number
  reasons: ReadinessReason[]
}

export interface Profile {
  workload: string
  image: string
  imageDigest: string
  firstSeen: string
  lastSeen: string
  starts: number
  occurrences: number
  dropped: number
  maxTasks: number
  kinds: Partial<Record<ProfileKind, number>>
  readiness: Readiness
}

export interface ProfileItem {
  kind: ProfileKind
  exe?: string
  uid: number
  path?: string
  protocol?: string
  address?: string
  port?: number
  call?: string
  detail?: string
  domain?: number
  type?: number
  socketProtocol?: number
  count: number
  starts: number
  firstSeen: string
  lastSeen: string
}

export interface SimulationHit {
  verdict: 'audit' | 'deny'
  control: string
  rule: string
  policy: string
  executable: string
  object: string
  seen: number
  events: number
  firstSeen: string
  lastSeen: string
  examples: string[]
}

export interface Simulation {
  items: number
  occurrences: number
  events: number
  blocked: number
  reported: number
  hits: SimulationHit[]
  notTried: { what: string; count: number; why: string }[]
}

export interface LearnProposal {
  name: string
  yaml: string
  uncovered: string[]
  check: string[]
  simulation: Simulation
}
