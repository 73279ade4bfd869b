import { describe, expect, test } from 'vitest'
import { eventsSearch, localPath, loginSearch, policySearch } from './search'
import { filterOf, isFiltered } from '../pages/events/filter'

describe('addresses', () => {
  test.each([
    ['/policies/web?tab=groups', '/policies/web?tab=groups'],
    ['//evil.example', undefined],
    ['/\\evil.example', undefined],
    ['https://evil.example', undefined],
    ['javascript:alert(1)', undefined],
    ['', undefined],
    [7, undefined],
  ])('a return address %j leads to %j', (given, want) => {
    expect(localPath(given)).toBe(want)
    expect(loginSearch({ return: given }).return).toBe(want)
  })

  test('what does not fit is left out', () => {
    expect(eventsSearch({ verdict: 'maybe', range: '99y', q: 'x'.repeat(600), control: 'drift', paused: 'true', other: 1 })).toEqual({
      control: 'drift',
      paused: true,
    })
    expect(policySearch({ tab: 'nope', control: 'drift' })).toEqual({ control: 'drift' })
  })

  test('a search for a number stays text', () => {
    expect(eventsSearch({ q: 4444 }).q).toBe('4444')
  })
})

describe('event filter', () => {
  const now = Date.UTC(2026, 10, 22)

  test('a range becomes a start', () => {
    expect(filterOf({ range: '1h', verdict: 'deny' }, now)).toEqual({ from: '2026-11-21T23:00:00.000Z', verdict: 'deny' })
  })

  test('fixed times win over a range', () => {
    expect(filterOf({ range: '1h', from: 'a', to: 'b' }, now)).toEqual({ from: 'a', to: 'b' })
  })

  test('an open event or a pause is no filter', () => {
    expect(isFiltered({ id: 'x', paused: true })).toBe(false)
    expect(isFiltered({ image: 'nginx' })).toBe(true)
  })
})
