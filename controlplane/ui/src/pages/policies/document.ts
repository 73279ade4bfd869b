import { isMap, isScalar, parseDocument, stringify, type Document } from 'yaml'
import type { Mode, PolicyDocument, PolicyError } from '../../api/types'

// The YAML text is the policy; the form is a view of it. A change in the form
// is a change of the one place in the text, so that comments, order and what
// the form does not know stay as their author wrote them.

export type Path = (string | number)[]

export interface Parsed {
  document?: PolicyDocument
  errors: PolicyError[]
}

export function parse(text: string): Parsed {
  const doc = parseDocument(text, { prettyErrors: true })
  const errors = doc.errors.map((e) => ({
    line: e.linePos?.[0].line,
    column: e.linePos?.[0].col,
    message: (e.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, ''),
  }))
  if (errors.length > 0) return { errors }
  if (!isMap(doc.contents)) return { errors: [{ line: 1, column: 1, message: 'not a map' }] }
  try {
    return { document: doc.toJS({ maxAliasCount: 50 }) as PolicyDocument, errors }
  } catch (e) {
    return { errors: [{ line: 1, column: 1, message: e instanceof Error ? e.message : String(e) }] } // aliases that multiply
  }
}

function edit(text: string, change: (doc: Document) => void): string {
  const doc = parseDocument(text)
  if (doc.errors.length > 0) return text
  change(doc)
  return doc.toString({
    lineWidth: 0,
    flowCollectionPadding: /[[{] \S/.test(text), // as the author writes [ a ] or [a]
    indentSeq: !/^( *)\w[^\n]*:\n\1- /m.test(text), // as the author indents lists
  })
}

// replaceScalar puts one plain value in the place of another, and leaves
// every other character of the text alone.
function replaceScalar(text: string, path: Path, value: string | number | boolean): string | undefined {
  const doc = parseDocument(text)
  const node = doc.errors.length > 0 ? undefined : doc.getIn(path, true)
  if (!isScalar(node) || !node.range || node.anchor || node.type?.startsWith('BLOCK')) return undefined
  const [from, to] = node.range
  if (from === to) return undefined
  const out = text.slice(0, from) + stringify(value, { lineWidth: 0 }).trimEnd() + text.slice(to)
  const again = parseDocument(out)
  return again.errors.length === 0 && again.getIn(path) === value ? out : undefined
}

// set writes a value to a place; undefined, an empty list or an empty map
// take the place away.
export function set(text: string, path: Path, value: unknown): string {
  if (value !== '' && (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')) {
    const out = replaceScalar(text, path, value)
    if (out !== undefined) return out
  }
  return edit(text, (doc) => {
    const empty =
      value === undefined || value === '' || (Array.isArray(value) && value.length === 0) ||
      (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
    if (empty) {
      if (doc.hasIn(path)) doc.deleteIn(path)
      return
    }
    // A key without a value ("controls:") is no map yet.
    for (let i = 1; i < path.length; i++) {
      const above = path.slice(0, i)
      if (doc.hasIn(above) && doc.getIn(above) === null) doc.deleteIn(above)
    }
    doc.setIn(path, doc.createNode(value))
  })
}

const modes: readonly Mode[] = ['off', 'audit', 'enforce', 'warn', 'block']

export function modeOf(document: PolicyDocument | undefined, control: string): Mode | undefined {
  const c = controls(document)[control]
  return modes.find((m) => m === c?.mode)
}

export function controls(document: PolicyDocument | undefined): Record<string, { mode?: unknown } & Record<string, unknown>> {
  const c = document?.spec?.controls
  return c && typeof c === 'object' ? (c as Record<string, { mode?: unknown } & Record<string, unknown>>) : {}
}

// setMode switches one control. Off takes a control away that says nothing
// else, and keeps the settings of one that does.
export function setMode(text: string, control: string, mode: Mode, defaults: Record<string, unknown> = {}): string {
  const now = controls(parse(text).document)[control]
  const path = ['spec', 'controls', control]
  if (!now) return mode === 'off' ? text : set(text, path, { mode, ...defaults })
  if (mode === 'off' && Object.keys(now).every((k) => k === 'mode')) return set(text, path, undefined)
  return set(text, [...path, 'mode'], mode)
}

export function countModes(document: PolicyDocument | undefined): Record<Exclude<Mode, 'off'>, number> {
  const all = Object.values(controls(document)).map((c) => c?.mode)
  const count = (m: Mode) => all.filter((x) => x === m).length
  return { enforce: count('enforce'), audit: count('audit'), warn: count('warn'), block: count('block') }
}

export function template(name: string): string {
  return `apiVersion: limpet.dev/v1
kind: RuntimePolicy
metadata:
  name: ${name}
spec:
  controls:
    drift:
      mode: audit
    reverseShell:
      mode: audit
`
}

export function assuranceTemplate(name: string): string {
  return `apiVersion: limpet.dev/v1
kind: AssurancePolicy
metadata:
  name: ${name}
spec:
  controls:
    vulnerabilities:
      mode: warn
      rules:
        - {name: critical-fixable, atLeast: critical, fixable: true, fixedDays: 14}
    secrets:
      mode: warn
`
}

// fromExample reads the settings of a control's example without its mode.
export function fromExample(example?: string): Record<string, unknown> {
  if (!example) return {}
  return Object.fromEntries(Object.entries(parseDocument(example).toJS() as Record<string, unknown>).filter(([k]) => k !== 'mode'))
}
