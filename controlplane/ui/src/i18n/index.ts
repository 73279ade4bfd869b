import i18next from 'i18next'
import { initReactI18next } from 'react-i18next'
import { storeLanguage, storedLanguage, type Language } from '../app/preferences'
import { en } from './en'

declare module 'i18next' {
  interface CustomTypeOptions {
    resources: { translation: typeof en }
  }
}

// startLanguage loads what the person reads; the other language is fetched
// when it is chosen. English stands behind both.
export async function startLanguage() {
  const lng = storedLanguage()
  await i18next.use(initReactI18next).init({
    lng,
    fallbackLng: 'en',
    resources: { en: { translation: en } },
    interpolation: { escapeValue: false }, // React escapes
    returnNull: false,
  })
  await setLanguage(lng)
}

export async function setLanguage(l: Language) {
  if (l === 'ja' && !i18next.hasResourceBundle('ja', 'translation')) {
    const { ja } = await import('./ja')
    i18next.addResourceBundle('ja', 'translation', ja)
  }
  await i18next.changeLanguage(l)
  document.documentElement.lang = l
  storeLanguage(l)
}
