import type { TFunction } from 'i18next'
import type { SecurityEvent } from '../../api/types'

// who names the process that acted.
export function who(e: SecurityEvent): string {
  return e.process?.exe || e.process?.comm || (e.process?.pid ? `pid ${e.process.pid}` : '')
}

// object names what was acted upon, as one short text.
export function object(e: SecurityEvent): string {
  const o = e.object
  if (!o) return e.attributes ? Object.entries(e.attributes).map(([k, v]) => `${k}=${v}`).join(' ') : ''
  if (o.path || o.requested) return o.path || o.requested || ''
  if (o.type === 'dns') return [o.queryType, o.name, o.target && `→ ${o.target}`, o.address && `→ ${o.address}`].filter(Boolean).join(' ')
  if (o.address) return endpoint(o.address, o.port, o.protocol)
  if (o.localAddress) return endpoint(o.localAddress, o.localPort, o.protocol)
  if (o.syscall) return o.detail ? `${o.syscall} (${o.detail})` : o.syscall
  if (o.protocol) return o.protocol
  return o.reason ?? ''
}

export function endpoint(address: string, port?: number, protocol?: string): string {
  const host = address.includes(':') && !address.startsWith('/') ? `[${address}]` : address
  return `${protocol ? `${protocol} ` : ''}${host}${port ? `:${port}` : ''}`
}

// what says in one sentence what happened: who did what to what, and how it
// ended. The parts come from the event's fields, so that it can be said in
// every language; the enforcer's own sentence is shown beside it.
export function what(e: SecurityEvent, t: TFunction): string {
  const o = e.object
  const ended = e.verdict === 'deny' ? (e.killed ? 'killed' : 'deny') : e.verdict === 'audit' ? 'audit' : 'allow'
  const outcome = t(`what.outcome.${ended}`)
  const process = who(e) || t('what.someone')
  const say = (key: 'exec' | 'fileless' | 'connect' | 'socket' | 'fork' | 'ask' | 'call' | 'tamper' | 'file' | 'bind' | 'accept' | 'session' | 'mount') =>
    t(`what.${key}`, {
      process, object: object(e) || t('what.something'), outcome,
      operation: operations(o?.operation, t), local: o?.localAddress ? endpoint(o.localAddress, o.localPort) : '',
    })
  switch (e.kind) {
    case 'exec':
      if (e.process?.outside) return say('session')
      return say(o?.fileless ? 'fileless' : 'exec')
    case 'network':
      if (o?.type === 'dns') return say('ask')
      if (o?.direction === 'inbound') return say(o.address ? 'accept' : 'bind')
      return say('connect')
    case 'socket':
      return say('socket')
    case 'process':
      return say('fork')
    case 'privilege':
      return say('call')
    case 'tamper':
      return say('tamper')
    case 'file':
      return say(o?.operation === 'mount' ? 'mount' : 'file')
    case 'dropped':
      return t('what.dropped', { count: Number(o?.count ?? e.count ?? 0) })
    case 'status':
    case 'lifecycle':
      return e.reason || t('what.lifecycle')
    default:
      return e.reason || t('what.other', { process, object: object(e), outcome })
  }
}

// shortImage leaves the registry's address out, which is the same for most.
export function shortImage(image?: string): string {
  const [first, ...rest] = (image ?? '').split('/')
  return rest.length > 0 && /[.:]|^localhost$/.test(first ?? '') ? rest.join('/') : (image ?? '')
}

const known = ['read', 'modify', 'append', 'create', 'delete', 'attributes', 'move', 'link', 'mount'] as const

// operations says what was done to a file; several come joined by "+".
export function operations(op: string | undefined, t: TFunction): string {
  return (op || '')
    .split('+')
    .map((x) => (known.find((k) => k === x) ? t(`operation.${x as 'read'}`) : x))
    .filter(Boolean)
    .join(t('operation.and'))
}
