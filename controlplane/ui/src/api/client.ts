import type { FieldProblem, Page, ProblemBody } from './types'

const base = '/api/v1'

// Problem is every failure of a call: the server's problem+json, an answer
// that is none, or no answer at all (status 0).
export class Problem extends Error {
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly errors: FieldProblem[]

  constructor(status: number, body: ProblemBody) {
    super(body.detail || body.title || `HTTP ${status}`)
    this.name = 'Problem'
    this.status = status
    this.title = body.title ?? ''
    this.detail = body.detail ?? ''
    this.errors = body.errors ?? []
  }
}

export function isProblem(e: unknown, status?: number): e is Problem {
  return e instanceof Problem && (status === undefined || e.status === status)
}

// testsFail says that tests which are kept with a policy stopped a change of it.
export function testsFail(e: unknown): boolean {
  return isProblem(e, 422) && e.errors.some((x) => x.location?.startsWith('tests/'))
}

// The CSRF token belongs to the session and is kept in memory only.
let csrf = ''
let onUnauthorised: () => void = () => {}

export function setCSRF(token: string) {
  csrf = token
}

// onSessionEnd is called once for every answer 401 outside the entry pages.
export function onSessionEnd(f: () => void) {
  onUnauthorised = f
}

export interface Versioned<T> {
  value: T
  etag: string
}

export type Query = Record<string, string | number | boolean | undefined | null>

export function address(path: string, query?: Query): string {
  const params = new URLSearchParams()
  for (const [k, v] of Object.entries(query ?? {})) {
    if (v !== undefined && v !== null && v !== '') params.set(k, String(v))
  }
  const q = params.toString()
  return base + path + (q ? `?${q}` : '')
}

interface Options {
  query?: Query
  body?: unknown
  etag?: string
  quiet401?: boolean
  signal?: AbortSignal
}

async function send(method: string, path: string, o: Options = {}): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'application/json' }
  if (o.body !== undefined) headers['Content-Type'] = 'application/json'
  if (method !== 'GET' && csrf) headers['X-CSRF-Token'] = csrf
  if (o.etag) headers['If-Match'] = o.etag
  let res: Response
  try {
    res = await fetch(address(path, o.query), {
      method,
      headers,
      body: o.body === undefined ? undefined : JSON.stringify(o.body),
      credentials: 'same-origin',
      cache: 'no-store',
      signal: o.signal,
    })
  } catch (e) {
    if (e instanceof DOMException && e.name === 'AbortError') throw e
    throw new Problem(0, { title: 'unreachable', detail: '' })
  }
  if (res.ok) return res
  const problem = new Problem(res.status, await problemOf(res))
  if (res.status === 401 && !o.quiet401) onUnauthorised()
  throw problem
}

async function problemOf(res: Response): Promise<ProblemBody> {
  try {
    const body: unknown = await res.json()
    if (body && typeof body === 'object') return body as ProblemBody
  } catch {
    // An answer from something between us and the server: the status has to do.
  }
  return { title: res.statusText, status: res.status }
}

async function read<T>(res: Response): Promise<T> {
  const text = await res.text()
  return (text ? JSON.parse(text) : undefined) as T
}

export async function get<T>(path: string, query?: Query, o: Omit<Options, 'query'> = {}): Promise<T> {
  return read<T>(await send('GET', path, { ...o, query }))
}

const maxPages = 50

// getAll reads a list to its end, for lists that people make by hand and that
// are filtered and sorted here.
export async function getAll<T>(path: string, query?: Query): Promise<Page<T>> {
  const items: T[] = []
  let cursor: string | undefined
  for (let n = 0; n < maxPages; n++) {
    const page = await get<Page<T>>(path, { ...query, cursor, limit: 200 })
    items.push(...(page.items ?? []))
    cursor = page.nextCursor || undefined
    if (!cursor) break
  }
  return { items, nextCursor: cursor, total: items.length }
}

// getVersioned keeps the ETag beside the object, for the PUT that may follow.
export async function getVersioned<T>(path: string, signal?: AbortSignal): Promise<Versioned<T>> {
  const res = await send('GET', path, { signal })
  return { value: await read<T>(res), etag: res.headers.get('ETag') ?? '' }
}

export async function post<T>(path: string, body?: unknown, o: Options = {}): Promise<T> {
  return read<T>(await send('POST', path, { ...o, body: body ?? {} }))
}

export async function put<T>(path: string, body: unknown, etag?: string, query?: Query): Promise<T> {
  return read<T>(await send('PUT', path, { body, etag, query }))
}

export async function del(path: string, etag?: string): Promise<void> {
  await send('DELETE', path, { etag })
}

// getText reads what is to be saved as it is.
export async function getText(path: string, query?: Query): Promise<string> {
  return (await send('GET', path, { query })).text()
}
