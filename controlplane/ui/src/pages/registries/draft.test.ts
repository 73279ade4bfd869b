import { expect, test } from 'vitest'
import type { RegistryType } from '../../api/registries'
import { authFields, bodyOf, newDraft, secretsFor } from './draft'

const kind = (k: Partial<RegistryType>): RegistryType => ({ type: 'generic', label: '', methods: ['basic', 'anonymous'], fields: [], needs: [], secrets: [], search: false, senders: ['distribution'], ...k })
const harbor = kind({ type: 'harbor' })
const ecr = kind({ type: 'ecr', methods: ['aws'], fields: ['region', 'accessKeyId', 'roleArn', 'externalId'], needs: ['region'] })
const hub = kind({ type: 'docker-hub', address: 'https://index.docker.io', fields: ['namespaces'] })
const quay = kind({ type: 'quay', secrets: ['apiToken'] })

test('only what the type and the method use is asked for', () => {
  expect(authFields(harbor, newDraft(harbor).spec)).toEqual(['username'])
  expect(authFields(ecr, newDraft(ecr).spec)).toEqual(['region', 'accessKeyId', 'roleArn', 'externalId'])
  expect(authFields(harbor, { type: 'harbor', auth: { method: 'anonymous' } })).toEqual([])
  expect(secretsFor(quay, newDraft(quay).spec)).toEqual(['password', 'apiToken'])
  expect(secretsFor(harbor, { type: 'harbor', tls: { clientCertificate: 'x' } })).toEqual(['clientKey'])
})

test('an access key has a secret, the server’s own identity has none', () => {
  expect(secretsFor(ecr, { type: 'ecr', auth: { method: 'aws' } })).toEqual([])
  expect(secretsFor(ecr, { type: 'ecr', auth: { method: 'aws', accessKeyId: 'AKIA' } })).toEqual(['secretAccessKey'])
})

test('what another type was told is not sent, nor what is empty', () => {
  const d = newDraft(harbor)
  d.spec = {
    ...d.spec, address: ' https://harbor.example.com ', auth: { method: 'basic', username: 'robot', region: 'eu-west-1' }, namespaces: ['x'],
    select: { repositories: { include: ['shop/**'], exclude: [] }, newest: 0 }, schedule: { every: '1d', timeZone: 'Asia/Tokyo' },
  }
  d.secrets = { password: 'p', secretAccessKey: 'left over', apiToken: '' }
  expect(bodyOf(harbor, d)).toEqual({
    description: '',
    spec: { type: 'harbor', address: 'https://harbor.example.com', auth: { method: 'basic', username: 'robot' }, select: { repositories: { include: ['shop/**'] } }, schedule: { every: '1d' } },
    credentials: { password: 'p' },
  })
  expect(bodyOf(hub, newDraft(hub, d)).spec.address).toBeUndefined()
  expect(newDraft(hub, d).secrets).toEqual({})
})
