import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { controlsQuery } from '../api/queries'
import { en } from '../i18n/en'
import { useWords, type Said } from './words'

export type KnownControl = keyof typeof en.controls

export function known(id: string): id is KnownControl {
  return Object.hasOwn(en.controls, id)
}

// useControlText names a control in the person's language; one that this
// console does not know yet goes by the server's words.
export function useControlText(): { title: (id?: string) => string; description: (id: string) => Said } {
  const { t } = useTranslation()
  const words = useWords()
  const registry = useQuery(controlsQuery).data
  return {
    title: (id) => {
      if (!id) return ''
      if (known(id)) return t(`controls.${id}`)
      return registry?.find((c) => c.id === id)?.title ?? id
    },
    description: (id) => words(registry?.find((c) => c.id === id)?.description),
  }
}
