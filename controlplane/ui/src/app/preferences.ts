import type { MantineColorScheme, MantineColorSchemeManager } from '@mantine/core'
import { isMantineColorScheme } from '@mantine/core'

const schemeKey = 'limpet-color-scheme' // public/theme.js reads it too
const languageKey = 'limpet-language'

function read(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

function write(key: string, value: string) {
  try {
    localStorage.setItem(key, value)
  } catch {
    // Storage is closed: the choice holds for this page only.
  }
}

export const languages = ['en', 'ja'] as const
export type Language = (typeof languages)[number]

export function storedLanguage(): Language {
  const asked = new URLSearchParams(location.search).get('lang') ?? read(languageKey)
  if (asked === 'en' || asked === 'ja') return asked
  return navigator.languages?.some((l) => l.toLowerCase().startsWith('ja')) ? 'ja' : 'en'
}

export function storeLanguage(l: Language) {
  write(languageKey, l)
}

// colorSchemeManager keeps the scheme where public/theme.js looks for it, and
// follows a change made in another tab.
export function colorSchemeManager(): MantineColorSchemeManager {
  let listener: ((e: StorageEvent) => void) | undefined
  return {
    get: (fallback) => {
      const v = read(schemeKey)
      return isMantineColorScheme(v) ? v : fallback
    },
    set: (v) => write(schemeKey, v),
    subscribe: (onUpdate: (v: MantineColorScheme) => void) => {
      listener = (e) => {
        if (e.key === schemeKey && isMantineColorScheme(e.newValue)) onUpdate(e.newValue)
      }
      window.addEventListener('storage', listener)
    },
    unsubscribe: () => {
      if (listener) window.removeEventListener('storage', listener)
    },
    clear: () => write(schemeKey, 'auto'),
  }
}
