import { describe, expect, test } from 'vitest'
import { document, nameFor, repository, start } from './draft'

describe('an exception that is asked for', () => {
  test('is for the repository, not for one build', () => {
    expect(repository('registry.example.com:5000/shop/web:1.4@sha256:aa')).toBe('registry.example.com:5000/shop/web')
    expect(repository('registry.example.com:5000/shop/web')).toBe('registry.example.com:5000/shop/web')
    expect(repository(undefined)).toBeUndefined()
  })

  test('gets a name that the server takes', () => {
    const d = start({ vulnerability: 'CVE-2026-1', image: 'registry.example.com/shop/Web_App:1' }, 'me')
    expect(nameFor(d)).toBe('cve-2026-1-web-app')
    expect(nameFor({ ...d, ids: ['*'], images: [] })).toBe('')
    expect(nameFor({ ...d, ids: ['x'.repeat(80)] })).toHaveLength(63)
  })

  test('says only what was filled in', () => {
    const d = { ...start({ vulnerability: 'CVE-1' }, 'me'), reason: ' r ', reasonClass: 'riskOwned', expires: '2027-01-01' }
    expect(document('x', d)).toEqual({
      apiVersion: 'limpet.dev/v1', kind: 'Exception', metadata: { name: 'x' },
      spec: { ids: ['CVE-1'], owner: 'me', reason: 'r', reasonClass: 'riskOwned', expires: '2027-01-01' },
    })
  })
})
