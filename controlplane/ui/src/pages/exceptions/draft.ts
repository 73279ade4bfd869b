import type { ExceptionObject, ExceptionSpec } from '../../api/assurance'

export const reasonClasses = ['riskMitigated', 'riskOwned', 'riskTransferred', 'riskAvoided', 'notRelevant', 'falsePositive'] as const
export type ReasonClass = (typeof reasonClasses)[number]

// Subject is what a person stands before when asking.
export interface Subject {
  vulnerability?: string
  package?: string
  path?: string
  control?: string
  image?: string // reference
  digest?: string
}

export interface Draft {
  name: string
  controls: string[]
  ids: string[]
  packages: string[]
  paths: string[]
  images: string[]
  digests: string[]
  stages: string[]
  reason: string
  reasonClass: string
  owner: string
  expires: string // a date
}

const one = (v?: string) => (v ? [v] : [])

export const inDays = (n: number) => new Date(Date.now() + n * 86_400_000).toISOString().slice(0, 10)

export function start(about: Subject, user: string, renew?: ExceptionObject): Draft {
  if (renew) {
    const s = renew.document.spec
    return {
      name: renew.name, controls: s.controls ?? [], ids: s.ids ?? [], packages: s.packages ?? [], paths: s.paths ?? [], images: s.images ?? [], digests: s.digests ?? [],
      stages: s.stages ?? [], reason: s.reason, reasonClass: s.reasonClass, owner: s.owner, expires: inDays(90),
    }
  }
  return {
    name: '', controls: one(about.control), ids: one(about.vulnerability), packages: one(about.package), paths: one(about.path), images: one(repository(about.image)),
    digests: one(about.digest), stages: [], reason: '', reasonClass: '', owner: user, expires: inDays(90),
  }
}

// repository leaves out tag and digest: the exception then holds for the next
// build, too.
export function repository(image?: string): string | undefined {
  const name = image?.split('@')[0]
  const colon = name?.lastIndexOf(':') ?? -1
  return name && colon > name.lastIndexOf('/') ? name.slice(0, colon) : name
}

// nameFor proposes a name: what is accepted, and where.
export function nameFor(d: Draft): string {
  const where = d.images[0]?.split('/').pop()?.replace(/\*+/g, '')
  const what = d.ids[0] ?? d.packages[0] ?? d.paths[0] ?? d.controls[0] ?? 'exception'
  return [what, where]
    .filter(Boolean)
    .join('-')
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 63)
    .replace(/[^a-z0-9]+$/, '')
}

// document is the exception as it is kept: the same as in a file.
export function document(name: string, d: Draft): object {
  const spec: ExceptionSpec = { reason: d.reason.trim(), reasonClass: d.reasonClass, owner: d.owner.trim(), expires: d.expires }
  for (const key of ['controls', 'ids', 'packages', 'paths', 'images', 'digests', 'stages'] as const) if (d[key].length > 0) spec[key] = d[key]
  return { apiVersion: 'limpet.dev/v1', kind: 'Exception', metadata: { name }, spec }
}
