import { lineProblems } from './lists/lines'
import i18next from 'i18next'
import { beforeAll, describe, expect, test } from 'vitest'
import { may } from '../app/session'
import type { SecurityEvent } from '../api/types'
import { en } from '../i18n/en'
import { ja } from '../i18n/ja'
import { pretty } from './audit/Audit'
import { groupName } from './enforcers/AddGroup'
import { facilitiesOf } from './enforcers/Facilities'
import { parseLabels } from './enforcers/GroupFields'
import { withToken } from './enforcers/Install'
import { uses } from './enforcers/JoinTokens'
import { passwordOK } from './entry/password'
import { commandLine } from './events/ProcessTree'
import { endpoint, object, shortImage, what } from './events/what'
import { say } from '../parts/words'
import { attack } from '../parts/techniques'

const event = (e: Partial<SecurityEvent>): SecurityEvent => ({ id: '1', observedAt: '2026-11-22T00:00:00Z', kind: 'exec', verdict: 'deny', ...e })

describe('what happened', () => {
  beforeAll(async () => {
    await i18next.init({ lng: 'en', interpolation: { escapeValue: false }, resources: { en: { translation: en }, ja: { translation: ja } } })
  })
  const sh = { exe: '/bin/sh', pid: 7 }

  test.each([
    [event({ process: sh, object: { type: 'file', path: '/tmp/x' } }), '/bin/sh tried to run /tmp/x: denied'],
    [event({ process: sh, killed: true, object: { type: 'file', path: '/tmp/x' } }), '/bin/sh tried to run /tmp/x: killed before it ran'],
    [event({ process: sh, verdict: 'audit', kind: 'network', object: { type: 'network', protocol: 'tcp', address: '2001:db8::1', port: 443 } }), '/bin/sh tried to connect to tcp [2001:db8::1]:443: recorded, not stopped'],
    [event({ process: sh, object: { type: 'file', fileless: true, requested: '/proc/self/fd/3' } }), '/bin/sh tried to run a program from memory (/proc/self/fd/3): denied'],
    [event({ process: { exe: '/bin/a' }, kind: 'network', object: { type: 'dns', queryType: 'A', name: 'x.test', target: 'evil.test', server: '10.0.0.2:53' } }), '/bin/a asked a name server for A x.test → evil.test: denied'],
    [event({ process: { pid: 9 }, kind: 'privilege', object: { type: 'call', syscall: 'unshare', detail: 'CLONE_NEWUSER' } }), 'pid 9 called unshare (CLONE_NEWUSER): denied'],
    [event({ kind: 'dropped', object: { type: 'dropped', count: '12' } }), '12 events could not be delivered and were dropped'],
    [event({ kind: 'lifecycle', verdict: 'allow', reason: 'Started.' }), 'Started.'],
    [event({ kind: 'of the future', reason: '' }), 'A process: : denied'],
  ])('%#', (e, want) => {
    expect(what(e, i18next.t)).toBe(want)
  })

  test.each([
    [event({ process: sh, verdict: 'audit', kind: 'file', object: { type: 'file', path: '/etc/passwd', operation: 'modify+attributes' } }), '/bin/sh acted on /etc/passwd (write and change of attributes): recorded, not stopped'],
    [event({ process: sh, kind: 'network', object: { type: 'network', direction: 'inbound', protocol: 'tcp', localAddress: '::', localPort: 22 } }), '/bin/sh tried to offer a service on tcp [::]:22: denied'],
    [event({ process: sh, kind: 'network', object: { type: 'network', direction: 'inbound', protocol: 'tcp', address: '192.0.2.1', port: 9, localAddress: '10.0.0.1', localPort: 22 } }), 'tcp 192.0.2.1:9 connected to 10.0.0.1:22 of /bin/sh: denied'],
    [event({ process: { ...sh, outside: true }, object: { type: 'file', path: '/bin/sh' } }), '/bin/sh was started from outside the container: denied'],
    [event({ kind: 'file', object: { type: 'file', path: '/x.sock', operation: 'mount' } }), '/x.sock is mounted from outside: denied'],
  ])('what was done, %#', (e, want) => {
    expect(what(e, i18next.t)).toBe(want)
  })

  test('the server’s words are translated whole, by parts, or left as they are', () => {
    const words = { 'a b': '甲', c: '乙' }
    expect(say('a b', words)).toEqual({ text: '甲' })
    expect(say('a b; c', words)).toEqual({ text: '甲 / 乙' })
    expect(say('a b; d', words)).toEqual({ text: 'a b; d', lang: 'en' })
    expect(say('a b')).toEqual({ text: 'a b' })
  })

  test('in Japanese too', () => {
    expect(what(event({ process: sh, object: { path: '/tmp/x' } }), i18next.getFixedT('ja'))).toBe('/bin/sh が /tmp/x を実行しようとしました。ブロックしました')
  })

  test('text of an attacker is not taken for markup or a placeholder', () => {
    expect(what(event({ process: sh, object: { path: '/tmp/<b>{{outcome}}' } }), i18next.t)).toContain('/tmp/<b>')
  })
})

test('objects and addresses', () => {
  expect(endpoint('/run/docker.sock', 0, 'unix')).toBe('unix /run/docker.sock')
  expect(object(event({ attributes: { change: 'start' } }))).toBe('change=start')
  expect(attack('T1059.004')).toBe('https://attack.mitre.org/techniques/T1059/004/')
  expect(shortImage('registry.example.com:5000/shop/web:1.4')).toBe('shop/web:1.4')
  expect(shortImage('library/nginx:1.27')).toBe('library/nginx:1.27')
  expect(shortImage(undefined)).toBe('')
})

test('a command line can be read by a shell', () => {
  expect(commandLine(['sh', '-c', "echo 'a b'; id"])).toBe(`sh -c 'echo '\\''a b'\\''; id'`)
  expect(commandLine(null)).toBe('')
})

test('a join token goes where the command wants it', () => {
  const command = 'docker run -e LIMPET_JOIN_TOKEN="$LIMPET_JOIN_TOKEN" x'
  expect(withToken(command, 'limpet_join_$&x')).toBe('docker run -e LIMPET_JOIN_TOKEN="limpet_join_$&x" x')
  expect(withToken(command)).toBe(command)
})

test('passwords', () => {
  expect(passwordOK('short', 'admin')).toBe(false)
  expect(passwordOK('Administrator', 'administrator')).toBe(false)
  expect(passwordOK('潮が引いた後の港の壁です', 'admin')).toBe(true)
  expect(passwordOK('x'.repeat(257), 'admin')).toBe(false)
})

test('names of groups', () => {
  expect(['web', 'web-1.prod', 'a'].every((n) => groupName.test(n))).toBe(true)
  expect(['', 'Web', '-web', 'web.', 'x'.repeat(64), 'a b'].some((n) => groupName.test(n))).toBe(false)
})

test('labels', () => {
  expect(parseLabels(['team=web', 'a=b=c', 'flag', '=x'])).toEqual({ team: 'web', a: 'b=c', flag: '' })
})

test('uses of a join token', () => {
  expect(uses({ id: '1', maxUses: 0 })).toBe('∞')
  expect(uses({ id: '1', maxUses: 5, usesLeft: 2 })).toBe('3 / 5')
})

test('facilities in every form', () => {
  expect(facilitiesOf({ notify: 'ok', ptrace: 'EPERM (1)', landlock: true })).toEqual([
    { name: 'notify', ok: true, detail: undefined },
    { name: 'ptrace', ok: false, detail: 'EPERM (1)' },
    { name: 'landlock', ok: true },
  ])
  expect(facilitiesOf(null)).toEqual([])
})

test('permissions decide what is shown', () => {
  const s = { user: { username: 'a', roles: [] }, tenant: 't', permissions: ['groups:read'], csrfToken: '' }
  expect(may(s, 'groups', 'read')).toBe(true)
  expect(may(s, 'groups', 'write')).toBe(false)
  expect(may(null, 'groups', 'read')).toBe(false)
})

test('recorded YAML keeps its lines', () => {
  expect(pretty({ yaml: 'a: 1\nb: 2\n' })).toBe('a: 1\nb: 2\n')
  expect(pretty(undefined)).toBe('')
})

test('what is wrong with a list is said by line', () => {
  const at = (line: number, message: string) => ({ location: 'content', message, value: { line, column: 1 } })
  expect(lineProblems([at(7, 'b'), { location: 'body.name', message: 'c' }, at(2, 'a'), { location: 'content', message: 'whole' }])).toEqual([
    { line: 0, message: 'whole' },
    { line: 2, message: 'a' },
    { line: 7, message: 'b' },
  ])
})
