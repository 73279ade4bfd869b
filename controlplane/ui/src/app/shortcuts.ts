import { useEffect } from 'react'

export interface Shortcuts {
  go: (key: string) => boolean // the key after "g"; true if it led somewhere
  help: () => void
}

// typing says whether a key press belongs to a field.
export function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.closest('[role="dialog"]') !== null
}

// useShortcuts listens for "g x" (go to a page), "/" (to the page's search
// field) and "?" (help). mod+K belongs to the palette.
export function useShortcuts({ go, help }: Shortcuts) {
  useEffect(() => {
    let pending = 0
    const onKey = (e: KeyboardEvent) => {
      if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || typing(e.target)) return
      const second = Date.now() - pending < 1200
      pending = 0
      if (second && go(e.key)) {
        e.preventDefault()
      } else if (e.key === 'g') {
        pending = Date.now()
      } else if (e.key === '?') {
        e.preventDefault()
        help()
      } else if (e.key === '/') {
        const field = document.querySelector<HTMLInputElement>('input[data-page-search]')
        if (field) {
          e.preventDefault()
          field.focus()
          field.select()
        }
      }
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [go, help])
}
