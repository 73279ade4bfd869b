import { useTranslation } from 'react-i18next'
import { useEffect, useState } from 'react'

// What the server says in fixed English sentences (what a control or a field
// is for, what a platform lacks) is translated by the sentence itself:
// i18n/ja/server.json, which a Go test holds against the server.

type Words = Record<string, string>
let japanese: Words | undefined

async function load(): Promise<Words> {
  japanese ??= (await import('../i18n/ja/server.json')).default
  return japanese
}

export interface Said {
  text: string
  lang?: 'en' // it could not be translated
}

// useWords gives the server's sentences in the person's language.
export function useWords(): (english?: string) => Said {
  const { i18n } = useTranslation()
  const ja = i18n.language === 'ja'
  const [words, setWords] = useState(japanese)
  useEffect(() => {
    if (ja && !words) void load().then(setWords)
  }, [ja, words])
  return (english = '') => say(english, ja ? (words ?? {}) : undefined)
}

// say translates one sentence, or sentences that were joined by "; ".
export function say(english: string, words?: Words): Said {
  if (!words || english === '') return { text: english }
  const whole = words[english]
  if (whole) return { text: whole }
  const parts = english.split('; ').map((p) => words[p])
  return parts.length > 1 && parts.every(Boolean) ? { text: parts.join(' / ') } : { text: english, lang: 'en' }
}
