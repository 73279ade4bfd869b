import i18next from 'i18next'
import { beforeAll, describe, expect, test } from 'vitest'
import { known } from '../parts/control'
import { en } from './en'
import { ja } from './ja'

function flat(o: object, at = ''): Record<string, string> {
  return Object.fromEntries(
    Object.entries(o).flatMap(([k, v]) => {
      const key = at ? `${at}.${k}` : k
      return typeof v === 'string' ? [[key, v]] : Object.entries(flat(v as object, key))
    }),
  )
}

const english = flat(en)
const japanese = flat(ja)

// Japanese has one plural form: English's _one has no partner.
const expected = Object.keys(english).filter((k) => !k.endsWith('_one'))

const parts = (s: string) => [...s.matchAll(/\{\{\w+\}\}|<\/?\w+>/g)].map((m) => m[0]).sort()

describe('languages', () => {
  test('both have the same keys', () => {
    expect(Object.keys(japanese).sort()).toEqual(expected.sort())
  })

  test('both name the same values and tags', () => {
    for (const k of expected) {
      // "resume_zero" leaves the count out in both; a plural may do so too.
      expect({ k, parts: parts(japanese[k] ?? '') }).toEqual({ k, parts: parts(english[k] ?? '') })
    }
  })

  test('no text is empty, and no Japanese text was left in English', () => {
    const names = /^(Enforcer|Docker|Dockerfile|Amazon ECS|MITRE ATT&CK)s?$/
    const same = expected.filter((k) => japanese[k] === english[k] && /[a-z]{3}/i.test(english[k] ?? '') && !names.test(english[k] ?? ''))
    expect(same).toEqual([])
    for (const k of expected) expect(japanese[k]?.trim(), k).not.toBe('')
  })

  test('an English key without _other has no _one', () => {
    for (const k of Object.keys(english).filter((x) => x.endsWith('_one'))) {
      expect(Object.keys(english)).toContain(k.replace(/_one$/, '_other'))
    }
  })
})

describe('plurals', () => {
  beforeAll(async () => {
    await i18next.init({ lng: 'en', resources: { en: { translation: en }, ja: { translation: ja } } })
  })

  test('follow the language', async () => {
    expect(i18next.t('common.rows', { count: 1 })).toBe('1 row')
    expect(i18next.t('common.rows', { count: 0 })).toBe('0 rows')
    await i18next.changeLanguage('ja')
    expect(i18next.t('common.rows', { count: 1 })).toBe('1 件')
  })
})

test('a control that is not known is told apart', () => {
  expect(known('drift')).toBe(true)
  expect(known('toString')).toBe(false)
})
