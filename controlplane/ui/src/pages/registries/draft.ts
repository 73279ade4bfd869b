import type { Method, Registry, RegistrySpec, RegistryType } from '../../api/registries'

// What the form holds: a registry's specification while it is written, and
// the secrets that are sent with it. Those left empty stay as they are kept.
export interface Draft {
  name: string
  description: string
  spec: RegistrySpec
  secrets: Record<string, string>
}

const ofMethod: Partial<Record<Method, string>> = {
  basic: 'password', bearer: 'token', aws: 'secretAccessKey', serviceAccount: 'serviceAccountKey', servicePrincipal: 'clientSecret',
}

export const methodOf = (s: RegistrySpec): Method => s.auth?.method ?? 'anonymous'

// newDraft is where a registry of a type begins: signed in to in the usual
// way, looked through once a day.
export const newDraft = (k: RegistryType, was?: Draft): Draft => ({
  name: was?.name ?? '',
  description: was?.description ?? '',
  spec: {
    ...was?.spec,
    type: k.type,
    address: '',
    auth: { method: k.methods[0] },
    schedule: was?.spec.schedule ?? { every: '1d' },
    webhook: {},
  },
  secrets: {},
})

export const draftOf = (r: Registry): Draft => ({ name: r.name, description: r.description, spec: r.spec, secrets: {} })

// secretsFor names the secrets that a registry takes.
export function secretsFor(k: RegistryType, s: RegistrySpec): string[] {
  const method = methodOf(s)
  const one = ofMethod[method]
  return [
    ...(one && (method !== 'aws' || s.auth?.accessKeyId) ? [one] : []),
    ...k.secrets,
    ...(s.tls?.clientCertificate ? ['clientKey'] : []),
  ]
}

// authFields are those fields of auth that a type and a method use.
export function authFields(k: RegistryType, s: RegistrySpec): ('username' | 'region' | 'accessKeyId' | 'roleArn' | 'externalId' | 'tenantId' | 'clientId')[] {
  const has = (f: string) => k.fields.includes(f)
  switch (methodOf(s)) {
    case 'basic':
      return ['username']
    case 'aws':
      return (['region', 'accessKeyId', 'roleArn', 'externalId'] as const).filter(has)
    case 'servicePrincipal':
      return (['tenantId', 'clientId'] as const).filter(has)
  }
  return []
}

// tidy drops what is empty, at any depth.
function tidy(v: unknown): unknown {
  if (Array.isArray(v)) return v.length > 0 ? v : undefined
  if (typeof v === 'string') return v.trim() || undefined
  if (v === null || v === false || v === 0) return undefined
  if (typeof v !== 'object') return v
  const left = Object.entries(v).flatMap(([k, x]) => {
    const t = tidy(x)
    return t === undefined ? [] : [[k, t] as const]
  })
  return left.length > 0 ? Object.fromEntries(left) : undefined
}

// bodyOf is what is sent: nothing that the type does not use, so that what was
// typed before another type was chosen is gone.
export function bodyOf(k: RegistryType, d: Draft): { description: string; spec: RegistrySpec; credentials: Record<string, string> } {
  const s = d.spec
  const fields = authFields(k, s)
  const spec = tidy({
    ...s,
    type: k.type,
    address: k.address ? '' : s.address,
    apiAddress: k.fields.includes('apiAddress') ? s.apiAddress : '',
    namespaces: k.fields.includes('namespaces') ? s.namespaces : [],
    auth: { method: methodOf(s), ...Object.fromEntries(fields.map((f) => [f, s.auth?.[f]])) },
    schedule: { ...s.schedule, timeZone: s.schedule?.daily ? s.schedule.timeZone : '' },
  }) as RegistrySpec
  const names = secretsFor(k, s)
  return { description: d.description.trim(), spec, credentials: Object.fromEntries(Object.entries(d.secrets).filter(([n, v]) => v && names.includes(n))) }
}
