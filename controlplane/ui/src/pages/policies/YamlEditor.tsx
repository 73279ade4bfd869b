import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands'
import { yaml } from '@codemirror/lang-yaml'
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language'
import { lintGutter, setDiagnostics, type Diagnostic } from '@codemirror/lint'
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search'
import { Annotation, Compartment, EditorState, type Text } from '@codemirror/state'
import { drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers } from '@codemirror/view'
import { tags } from '@lezer/highlight'
import { useEffect, useImperativeHandle, useRef, type Ref } from 'react'
import type { PolicyError } from '../../api/types'
import { nonce } from '../../app/nonce'

export interface EditorHandle {
  goTo: (line: number, column?: number) => void
}

interface Props {
  value: string
  onChange: (text: string) => void
  errors: PolicyError[]
  label: string
  readOnly?: boolean
  height?: string
  ref?: Ref<EditorHandle>
}

const outside = Annotation.define<boolean>()

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: 'var(--mantine-color-limpet-text, var(--mantine-color-limpet-7))' },
  { tag: [tags.string, tags.content], color: 'var(--mantine-color-text)' },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: 'var(--mantine-color-violet-text, #7048e8)' },
  { tag: tags.comment, color: 'var(--mantine-color-dimmed)', fontStyle: 'italic' },
  { tag: tags.punctuation, color: 'var(--mantine-color-dimmed)' },
])

const look = EditorView.theme({
  '&': { fontSize: '13px', backgroundColor: 'transparent', height: '100%' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mantine-font-family-monospace)', lineHeight: '1.55' },
  '.cm-content': { caretColor: 'var(--mantine-color-text)' },
  '.cm-cursor': { borderLeftColor: 'var(--mantine-color-text)' },
  '.cm-gutters': { backgroundColor: 'var(--sunken)', color: 'var(--mantine-color-dimmed)', border: 'none' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--chart-hover)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'var(--mantine-color-limpet-light-hover)',
  },
  '.cm-panels': { backgroundColor: 'var(--sunken)', color: 'var(--mantine-color-text)' },
  '.cm-tooltip': {
    backgroundColor: 'var(--mantine-color-body)', color: 'var(--mantine-color-text)',
    border: '1px solid var(--mantine-color-default-border)', borderRadius: '4px',
  },
})

export function YamlEditor({ value, onChange, errors, label, readOnly, height, ref }: Props) {
  const host = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView>(null)
  const changed = useRef(onChange)
  const initial = useRef({ value, label, readOnly })
  const editable = useRef(new Compartment())
  useEffect(() => {
    changed.current = onChange
  })

  useEffect(() => {
    if (!host.current) return
    const v = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: initial.current.value,
        extensions: [
          EditorView.cspNonce.of(nonce), lineNumbers(), highlightActiveLine(), highlightActiveLineGutter(), history(), drawSelection(), indentOnInput(),
          bracketMatching(), highlightSelectionMatches(), yaml(), syntaxHighlighting(colours), lintGutter(), look,
          keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap, indentWithTab]),
          editable.current.of(EditorState.readOnly.of(initial.current.readOnly === true)),
          EditorView.contentAttributes.of({ 'aria-label': initial.current.label, tabindex: '0' }),
          EditorView.updateListener.of((u) => {
            if (u.docChanged && !u.transactions.some((t) => t.annotation(outside))) changed.current(u.state.doc.toString())
          }),
        ],
      }),
    })
    view.current = v
    return () => {
      v.destroy()
      view.current = null
    }
  }, [])

  // A change from the form replaces only what differs: cursor and undo stay.
  useEffect(() => {
    const v = view.current
    if (!v) return
    const now = v.state.doc.toString()
    if (now === value) return
    let start = 0
    while (start < now.length && start < value.length && now[start] === value[start]) start++
    let end = 0
    while (end < now.length - start && end < value.length - start && now[now.length - 1 - end] === value[value.length - 1 - end]) end++
    v.dispatch({
      changes: { from: start, to: now.length - end, insert: value.slice(start, value.length - end) },
      annotations: outside.of(true),
    })
  }, [value])

  useEffect(() => {
    view.current?.dispatch({ effects: editable.current.reconfigure(EditorState.readOnly.of(readOnly === true)) })
  }, [readOnly])

  useEffect(() => {
    const v = view.current
    if (v) v.dispatch(setDiagnostics(v.state, errors.map((e) => diagnostic(v.state.doc, e))))
  }, [errors, value])

  useImperativeHandle(ref, () => ({
    goTo: (line, column = 1) => {
      const v = view.current
      if (!v) return
      const at = v.state.doc.line(Math.min(Math.max(1, line), v.state.doc.lines))
      const anchor = Math.min(at.from + Math.max(0, column - 1), at.to)
      v.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: 'center' }) })
      v.focus()
    },
  }))

  return <div ref={host} className="cm-host" style={{ height: height ?? '62vh' }} data-testid="yaml-editor" />
}

function diagnostic(doc: Text, e: PolicyError): Diagnostic {
  const line = doc.line(Math.min(Math.max(1, e.line ?? 1), doc.lines))
  const text = line.text
  const from = Math.min(line.from + Math.max(0, (e.column ?? 1) - 1), line.to)
  const rest = text.slice(from - line.from).trimEnd()
  return { from, to: Math.min(line.to, from + Math.max(1, rest.length)), severity: 'error', message: e.path ? `${e.path}: ${e.message}` : e.message }
}
