import { describe, expect, test } from 'vitest'
import { countModes, modeOf, parse, set, setMode, template } from './document'

const text = `# at the top
apiVersion: limpet.dev/v1
kind: RuntimePolicy
metadata:
  name: web # the name
spec:
  controls:
    drift: {mode: enforce}
    outbound:
      mode: audit
      # why: the payment service only
      allow:
        - name: pay
          cidrs: [192.0.2.0/24]
`

describe('document', () => {
  test('a change touches only its place', () => {
    const out = set(text, ['metadata', 'name'], 'shop')
    expect(out).toBe(text.replace('name: web', 'name: shop'))
    expect(parse(out).document?.metadata.name).toBe('shop')
  })

  test('a new entry keeps the author\'s way of writing', () => {
    const out = set(text, ['spec', 'controls', 'fileless'], { mode: 'audit' })
    expect(out).toBe(`${text}    fileless:\n      mode: audit\n`)
  })

  test('a value that needs quotes gets them', () => {
    const out = set(text, ['metadata', 'name'], 'yes: # no')
    expect(parse(out).document?.metadata.name).toBe('yes: # no')
    expect(out).toContain('# the name')
  })

  test('what is empty is taken away', () => {
    const out = set(text, ['spec', 'controls', 'outbound', 'allow'], [])
    expect(parse(out).document?.spec.controls).toEqual({ drift: { mode: 'enforce' }, outbound: { mode: 'audit' } })
  })

  test('a key without a value becomes a map', () => {
    const out = set('spec:\n  controls:\n', ['spec', 'controls', 'drift'], { mode: 'audit' })
    expect(parse(out).document?.spec).toEqual({ controls: { drift: { mode: 'audit' } } })
  })

  test('an entry of a list is changed in place', () => {
    const out = set(text, ['spec', 'controls', 'outbound', 'allow', 0, 'ports'], ['443'])
    expect(parse(out).document?.spec.controls).toMatchObject({ outbound: { allow: [{ name: 'pay', ports: ['443'] }] } })
  })

  test.each([
    ['drift', 'audit', { drift: { mode: 'audit' } }],
    ['drift', 'off', {}], // nothing else is said of it
    ['outbound', 'off', { outbound: { mode: 'off' } }], // its rules stay
    ['fileless', 'enforce', { fileless: { mode: 'enforce' } }],
  ] as const)('switching %s to %s', (control, mode, want) => {
    const doc = parse(setMode(text, control, mode)).document
    const controls = doc?.spec.controls as Record<string, unknown>
    for (const [k, v] of Object.entries(want)) expect(controls[k]).toMatchObject(v)
    if (Object.keys(want).length === 0) expect(controls[control]).toBeUndefined()
    expect(controls.outbound).toHaveProperty('allow')
  })

  test('a control that needs more gets it', () => {
    const doc = parse(setMode(template('x'), 'processLimit', 'audit', { maxTasks: 1024 })).document
    expect(doc?.spec.controls).toMatchObject({ processLimit: { mode: 'audit', maxTasks: 1024 } })
  })

  test('switching off what is not there changes nothing', () => {
    expect(setMode(text, 'mounts', 'off')).toBe(text)
  })

  test('text that is no YAML keeps its text and says where it breaks', () => {
    const bad = 'spec:\n  controls: [\n'
    expect(set(bad, ['metadata', 'name'], 'x')).toBe(bad)
    const [e] = parse(bad).errors
    expect(e?.line).toBeGreaterThanOrEqual(2)
    expect(e?.message).not.toMatch(/line \d/)
    expect(parse('just words').errors).toHaveLength(1)
    expect(parse('').errors).toHaveLength(1)
  })

  test('a bomb of aliases is refused, not expanded', () => {
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]', ...'bcdefgh'.split('').map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(',')}]`)].join('\n')
    expect(parse(bomb).errors).toHaveLength(1)
  })

  test('modes are read and counted', () => {
    const doc = parse(text).document
    expect(modeOf(doc, 'drift')).toBe('enforce')
    expect(modeOf(doc, 'mounts')).toBeUndefined()
    expect(countModes(doc)).toEqual({ enforce: 1, audit: 1, warn: 0, block: 0 })
    expect(countModes(undefined)).toEqual({ enforce: 0, audit: 0, warn: 0, block: 0 })
  })
})
