import { describe, expect, test } from 'vitest'
import { counts, maxFile, readDocument, statementsOf } from './statements'

describe('statements of a VEX document', () => {
  test('are counted by what becomes of them', () => {
    const s = { statement: 'statement 1', ids: ['CVE-1'], packages: [] }
    expect(counts([{ ...s, outcome: 'requested' }, { ...s, outcome: 'skipped' }, { ...s, outcome: 'skipped' }])).toEqual({ requested: 1, known: 0, skipped: 2 })
    expect(statementsOf('{"statements": null}')).toBe(0)
    expect(statementsOf('{"statements": [{}, {}]}')).toBe(2)
  })

  test('come from a file that is JSON and not too large', async () => {
    const file = (name: string, text: string, size = text.length) => ({ name, size, text: () => Promise.resolve(text) })
    expect(await readDocument(file('a.json', '{"a": 1}'))).toEqual({ a: 1 })
    await expect(readDocument(file('a.xml', '<xml/>'))).rejects.toMatchObject({ kind: 'fileNotJSON', file: 'a.xml' })
    await expect(readDocument(file('b.json', '{}', maxFile + 1))).rejects.toMatchObject({ kind: 'fileTooLarge' })
  })
})
