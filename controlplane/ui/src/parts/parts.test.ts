import { describe, expect, test } from 'vitest'
import { niceTop } from './Bars'
import { unified } from './DiffView'
import { toCSV } from './files'
import { relative } from './When'

describe('CSV', () => {
  test('quotes what needs it and disarms formulas', () => {
    expect(toCSV([{ a: 'x,"y"', b: '=1+1', c: { k: 1 } }, { a: 1, d: null }])).toBe(
      'a,b,c,d\r\n"x,""y""",\'=1+1,"{""k"":1}",\r\n1,,,\r\n',
    )
  })
})

describe('relative times', () => {
  const now = Date.UTC(2026, 10, 22, 12)
  test.each([
    [0, 'en', 'now'],
    [-95_000, 'en', '2 min. ago'],
    [-3_600_000 * 5, 'en', '5 hr. ago'],
    [86_400_000, 'en', 'tomorrow'],
    [-86_400_000 * 3, 'ja', '3 日前'],
  ])('%i ms in %s', (ms, language, want) => {
    expect(relative(now + ms, now, language)).toBe(want)
  })
})

test('an axis ends at a round number', () => {
  expect([0, 3, 5, 9, 10, 11, 45, 99, 101, 7300].map(niceTop)).toEqual([4, 4, 6, 10, 10, 20, 50, 100, 200, 8000])
})

test('a difference shows lines with their neighbours', () => {
  expect(unified('a\nb\n', 'a\nc\n')).toBe('@@ -1,2 +1,2 @@\n a\n-b\n+c')
  expect(unified('same\n', 'same\n')).toBe('')
})
