// What each page keeps in its address. Anything that does not fit is left
// out, so that an edited address can only narrow what a page shows.

type Raw = Record<string, unknown>

function text(v: unknown): string | undefined {
  if (typeof v === 'number' || typeof v === 'boolean') return String(v)
  return typeof v === 'string' && v !== '' && v.length <= 512 ? v : undefined
}

function one<T extends string>(v: unknown, allowed: readonly T[]): T | undefined {
  return allowed.find((a) => a === v)
}

function flag(v: unknown): true | undefined {
  return v === true || v === 'true' || v === 1 ? true : undefined
}

// compact drops what is undefined: an address shows only what was chosen.
function compact<T extends object>(o: T): T {
  return Object.fromEntries(Object.entries(o).filter(([, v]) => v !== undefined)) as T
}

// narrow changes a part of a page's search; what becomes undefined goes.
export const narrow = <T extends object>(s: T, part: Partial<T>): T => compact({ ...s, ...part })

// localPath lets a return address lead nowhere but into this console.
export function localPath(v: unknown): string | undefined {
  const s = text(v)
  return s && /^\/(?![/\\])/.test(s) ? s : undefined
}

export interface LoginSearch { return?: string; ended?: boolean }
export const loginSearch = (r: Raw): LoginSearch => compact({ return: localPath(r.return), ended: flag(r.ended) })

export const enforcerViews = ['groups', 'enforcers'] as const
export interface EnforcersSearch {
  view?: (typeof enforcerViews)[number]
  q?: string
  group?: string
  state?: 'connected' | 'stale'
  sort?: string
  add?: boolean
}
export const enforcersSearch = (r: Raw): EnforcersSearch =>
  compact({
    view: one(r.view, enforcerViews),
    q: text(r.q),
    group: text(r.group),
    state: one(r.state, ['connected', 'stale'] as const),
    sort: text(r.sort),
    add: flag(r.add),
  })

export const groupTabs = ['members', 'effective', 'learning', 'simulate', 'install', 'settings'] as const
export const profileKinds = ['exec', 'connect', 'listen', 'socket', 'privilege', 'file'] as const
export interface GroupSearch {
  tab?: (typeof groupTabs)[number]
  sort?: string
  workload?: string
  kind?: (typeof profileKinds)[number]
  policy?: string
}
export const groupSearch = (r: Raw): GroupSearch => compact({
    tab: one(r.tab, groupTabs),
    sort: text(r.sort),
    workload: text(r.workload),
    kind: one(r.kind, profileKinds),
    policy: text(r.policy),
  })

export interface AgentSearch { tab?: 'controls' | 'facilities' }
export const agentSearch = (r: Raw): AgentSearch => compact({ tab: one(r.tab, ['controls', 'facilities'] as const) })

export interface PoliciesSearch { q?: string; sort?: string }
export const policiesSearch = (r: Raw): PoliciesSearch => compact({ q: text(r.q), sort: text(r.sort) })

export const policyTabs = ['edit', 'groups', 'simulate', 'tests', 'revisions'] as const
export interface PolicySearch {
  tab?: (typeof policyTabs)[number]
  view?: 'form' | 'yaml'
  from?: string
  learn?: string // group whose learning proposes the text
  control?: string
  revision?: string
}
export const policySearch = (r: Raw): PolicySearch =>
  compact({
    tab: one(r.tab, policyTabs),
    view: one(r.view, ['form', 'yaml'] as const),
    from: text(r.from),
    learn: text(r.learn),
    control: text(r.control),
    revision: text(r.revision),
  })

export const eventRanges = ['1h', '24h', '7d', '30d'] as const
export interface EventsSearch {
  range?: (typeof eventRanges)[number]
  from?: string
  to?: string
  control?: string
  verdict?: 'allow' | 'audit' | 'deny'
  kind?: string
  group?: string
  enforcer?: string
  image?: string
  finding?: string
  q?: string
  id?: string
  paused?: boolean
}
export const eventsSearch = (r: Raw): EventsSearch =>
  compact({
    range: one(r.range, eventRanges),
    from: text(r.from),
    to: text(r.to),
    control: text(r.control),
    verdict: one(r.verdict, ['allow', 'audit', 'deny'] as const),
    kind: text(r.kind),
    group: text(r.group),
    enforcer: text(r.enforcer),
    image: text(r.image),
    finding: text(r.finding),
    q: text(r.q),
    id: text(r.id),
    paused: flag(r.paused),
  })

export const findingStates = ['open', 'acknowledged', 'muted', 'all'] as const
export interface FindingsSearch { state?: (typeof findingStates)[number]; control?: string; group?: string; q?: string; id?: string }
export const findingsSearch = (r: Raw): FindingsSearch =>
  compact({
    state: one(r.state, findingStates),
    control: text(r.control),
    group: text(r.group),
    q: text(r.q),
    id: text(r.id),
  })

export const exceptionStates = ['requested', 'expiring', 'approved', 'expired', 'refused', 'revoked', 'all'] as const
export interface ExceptionsSearch { state?: (typeof exceptionStates)[number]; q?: string; name?: string }
export const exceptionsSearch = (r: Raw): ExceptionsSearch => compact({ state: one(r.state, exceptionStates), q: text(r.q), name: text(r.name) })

export interface AuditSearch { actor?: string; action?: string; objectKind?: string; q?: string; open?: string }
export const auditSearch = (r: Raw): AuditSearch =>
  compact({
    actor: text(r.actor),
    action: text(r.action),
    objectKind: text(r.objectKind),
    q: text(r.q),
    open: text(r.open),
  })

export const scanStates = ['waiting', 'leased', 'failed', 'done', 'cancelled'] as const
export interface ScansSearch { state?: (typeof scanStates)[number]; reason?: string; q?: string }
export const scansSearch = (r: Raw): ScansSearch => compact({
    state: one(r.state, scanStates),
    reason: one(r.reason, ['manual', 'ci', 'webhook', 'rescan', 'schedule'] as const),
    q: text(r.q),
  })

export interface AddImagesSearch { registry?: string; q?: string; repository?: string }
export const addImagesSearch = (r: Raw): AddImagesSearch => compact({ registry: text(r.registry), q: text(r.q), repository: text(r.repository) })

export const artifactKinds = ['image', 'host', 'function', 'rootfs', 'vm', 'sbom'] as const
export const scanResults = ['pass', 'warn', 'fail'] as const
export const severityFilter = ['critical', 'high', 'medium', 'low'] as const
const severityWords = [...severityFilter, 'negligible', 'unknown'] as const
export interface ImagesSearch {
  view?: 'repositories'
  q?: string
  kind?: (typeof artifactKinds)[number]
  result?: (typeof scanResults)[number]
  severity?: (typeof severityFilter)[number]
  repository?: string
  package?: string
  running?: true
  sort?: 'risk'
}
export const imagesSearch = (r: Raw): ImagesSearch =>
  compact({
    view: one(r.view, ['repositories'] as const),
    q: text(r.q),
    kind: one(r.kind, artifactKinds),
    result: one(r.result, scanResults),
    severity: one(r.severity, severityFilter),
    repository: text(r.repository),
    package: text(r.package),
    running: flag(r.running),
    sort: one(r.sort, ['risk'] as const),
  })

export const imageTabs = ['overview', 'fixes', 'vulnerabilities', 'layers', 'packages', 'secrets', 'malware', 'licences', 'misconfiguration', 'history'] as const
const useWords = ['yes', 'notSeen'] as const

export interface ImageSearch {
  tab?: (typeof imageTabs)[number]
  q?: string
  severity?: (typeof severityWords)[number]
  fixable?: true
  kev?: true
  layer?: number
  inUse?: (typeof useWords)[number]
  type?: string
  finding?: string
  package?: string
  with?: string
}
export const imageSearch = (r: Raw): ImageSearch =>
  compact({
    tab: one(r.tab, imageTabs),
    q: text(r.q),
    severity: one(r.severity, severityWords),
    fixable: flag(r.fixable),
    kev: flag(r.kev),
    layer: Number.isInteger(Number(r.layer)) && r.layer !== undefined && r.layer !== '' && Number(r.layer) >= 0 ? Number(r.layer) : undefined,
    inUse: one(r.inUse, useWords),
    type: text(r.type),
    finding: text(r.finding),
    package: text(r.package),
    with: text(r.with),
  })

export interface VulnerabilitiesSearch { q?: string; severity?: (typeof severityWords)[number]; kev?: true; fixable?: true; running?: true }
export const vulnerabilitiesSearch = (r: Raw): VulnerabilitiesSearch =>
  compact({ q: text(r.q), severity: one(r.severity, severityWords), kev: flag(r.kev), fixable: flag(r.fixable), running: flag(r.running) })

export interface CIScansSearch { q?: string; result?: (typeof scanResults)[number]; id?: string }
export const ciScansSearch = (r: Raw): CIScansSearch => compact({ q: text(r.q), result: one(r.result, scanResults), id: text(r.id) })
