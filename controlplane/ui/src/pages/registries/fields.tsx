import { NumberInput, PasswordInput, Select, SimpleGrid, Stack, Switch, TagsInput, Textarea, TextInput } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { senders, type Patterns, type RegistrySpec, type RegistryType, type Sender } from '../../api/registries'
import { authFields, methodOf, secretsFor, type Draft } from './draft'

interface Props {
  kind: RegistryType
  draft: Draft
  set: (part: Partial<RegistrySpec>) => void
}

// SignIn asks how to sign in, and only for what that takes.
export function SignIn({ kind: k, draft: d, set, kept, onSecret }: Props & { kept: string[]; onSecret: (name: string, value: string) => void }) {
  const { t } = useTranslation()
  const s = d.spec
  const auth = (part: RegistrySpec['auth']) => set({ auth: { ...s.auth, ...part } })
  return (
    <Stack gap="sm">
      {k.methods.length > 1 && (
        <Select
          label={t('registries.method')}
          data={k.methods.map((m) => ({ value: m, label: t(`registries.methods.${m}`) }))}
          value={methodOf(s)}
          onChange={(m) => auth({ method: (m ?? 'anonymous') as 'anonymous' })}
          allowDeselect={false}
        />
      )}
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
        {authFields(k, s).map((f) => (
          <TextInput
            key={f}
            label={t(`registries.auth.${f}`)}
            description={f === 'accessKeyId' ? t('registries.accessKeyHelp') : undefined}
            placeholder={f === 'region' ? 'eu-central-1' : f === 'roleArn' ? 'arn:aws:iam::123456789012:role/limpet' : undefined}
            value={s.auth?.[f] ?? ''}
            required={f === 'username' || f === 'tenantId' || f === 'clientId' || k.needs.includes(f)}
            maxLength={2048}
            autoComplete="off"
            onChange={(e) => auth({ [f]: e.currentTarget.value })}
          />
        ))}
        {secretsFor(k, s)
          .filter((name) => name !== 'serviceAccountKey' && name !== 'clientKey')
          .map((name) => (
            <PasswordInput
              key={name}
              label={t(`registries.secrets.${name as 'password'}`)}
              description={kept.includes(name) ? t('registries.kept') : name === 'apiToken' ? t('registries.apiTokenHelp') : undefined}
              value={d.secrets[name] ?? ''}
              required={name !== 'apiToken' && !kept.includes(name)}
              maxLength={16_384}
              autoComplete="new-password"
              visibilityToggleButtonProps={{ 'aria-label': t('registries.show') }}
              onChange={(e) => onSecret(name, e.currentTarget.value)}
            />
          ))}
      </SimpleGrid>
      {secretsFor(k, s)
        .filter((name) => name === 'serviceAccountKey' || name === 'clientKey')
        .map((name) => (
          <Pasted key={name} label={t(`registries.secrets.${name as 'clientKey'}`)} help={kept.includes(name) ? t('registries.kept') : undefined} value={d.secrets[name]} required={!kept.includes(name)} onChange={(v) => onSecret(name, v)} />
        ))}
    </Stack>
  )
}

function Pasted({ label, help, value, required, onChange }: { label: string; help?: string; value?: string; required?: boolean; onChange: (v: string) => void }) {
  return (
    <Textarea
      label={label}
      description={help}
      value={value ?? ''}
      required={required}
      rows={3}
      maxLength={65_536}
      spellCheck={false}
      autoComplete="off"
      styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', resize: 'vertical' } }}
      onChange={(e) => onChange(e.currentTarget.value)}
    />
  )
}

// Protection is how the connection is protected.
export function Protection({ draft: d, set }: Props) {
  const { t } = useTranslation()
  const tls = d.spec.tls ?? {}
  const change = (part: RegistrySpec['tls']) => set({ tls: { ...tls, ...part } })
  return (
    <Stack gap="sm">
      <Pasted label={t('registries.ca')} help={t('registries.caHelp')} value={tls.ca} onChange={(ca) => change({ ca })} />
      <Pasted label={t('registries.clientCertificate')} help={t('registries.clientCertificateHelp')} value={tls.clientCertificate} onChange={(clientCertificate) => change({ clientCertificate })} />
      <TagsInput label={t('registries.authHosts')} description={t('registries.authHostsHelp')} placeholder="auth.example.com" value={d.spec.authHosts ?? []} onChange={(authHosts) => set({ authHosts })} />
      <Switch label={t('registries.insecure')} description={t('registries.insecureHelp')} checked={tls.insecure ?? false} onChange={(e) => change({ insecure: e.currentTarget.checked })} />
    </Stack>
  )
}

// Choice says which images are scanned.
export function Choice({ draft: d, set }: Props) {
  const { t } = useTranslation()
  const select = d.spec.select ?? {}
  const change = (part: RegistrySpec['select']) => set({ select: { ...select, ...part } })
  const list = (of: 'repositories' | 'tags', way: keyof Patterns, placeholder: string) => (
    <TagsInput
      label={t(`registries.${of}.${way}`)}
      placeholder={select[of]?.[way]?.length ? undefined : placeholder}
      value={select[of]?.[way] ?? []}
      onChange={(v) => change({ [of]: { ...select[of], [way]: v } })}
      maxTags={100}
    />
  )
  const number = (of: 'newest' | 'maxAgeDays' | 'maximum', placeholder: string) => (
    <NumberInput label={t(`registries.${of}`)} placeholder={placeholder} value={select[of] || ''} min={0} max={of === 'maxAgeDays' ? 36_500 : 100_000} allowDecimal={false} hideControls onChange={(v) => change({ [of]: Number(v) || 0 })} />
  )
  return (
    <Stack gap="sm">
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
        {list('repositories', 'include', 'shop/**')}
        {list('repositories', 'exclude', '**/cache')}
        {list('tags', 'include', 'v*')}
        {list('tags', 'exclude', '*-dev')}
      </SimpleGrid>
      <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="sm">
        {number('newest', t('registries.all'))}
        {number('maxAgeDays', t('registries.all'))}
        {number('maximum', '1000')}
      </SimpleGrid>
      <TagsInput label={t('registries.architectures')} description={t('registries.architecturesHelp')} placeholder="linux/amd64" data={['linux/amd64', 'linux/arm64', 'windows/amd64']} value={select.architectures ?? []} maxTags={16} onChange={(architectures) => change({ architectures })} />
    </Stack>
  )
}

const intervals = ['30m', '1h', '6h', '12h', '1d', '7d']

// Timing says when a registry is looked through: by the clock, and when
// something is pushed.
export function Timing({ kind: k, draft: d, set }: Props) {
  const { t } = useTranslation()
  const s = d.spec.schedule ?? {}
  const way = s.daily ? 'daily' : s.every ? 'every' : 'never'
  const change = (part: RegistrySpec['schedule']) => set({ schedule: { ...s, ...part } })
  const choose = (v: string | null) => change({ every: v === 'every' ? '6h' : '', daily: v === 'daily' ? '03:30' : '' })
  return (
    <Stack gap="sm">
      <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="sm">
        <Select label={t('registries.schedule')} data={(['never', 'every', 'daily'] as const).map((v) => ({ value: v, label: t(`registries.ways.${v}`) }))} value={way} onChange={choose} allowDeselect={false} />
        {way === 'every' && (
          <Select label={t('registries.interval')} data={[...new Set([...intervals, s.every ?? ''])].map((v) => ({ value: v, label: intervals.includes(v) ? t(`registries.intervals.${v as '1h'}`) : v }))} value={s.every} onChange={(every) => change({ every: every ?? '1d' })} allowDeselect={false} />
        )}
        {way === 'daily' && (
          <>
            <TextInput type="time" label={t('registries.at')} value={s.daily} required onChange={(e) => change({ daily: e.currentTarget.value || '00:00' })} />
            <Select label={t('registries.timeZone')} data={['UTC', ...Intl.supportedValuesOf('timeZone').filter((z) => z !== 'UTC')]} value={s.timeZone || 'UTC'} onChange={(z) => change({ timeZone: z ?? 'UTC' })} searchable allowDeselect={false} nothingFoundMessage={t('common.nothing')} />
          </>
        )}
      </SimpleGrid>
      <Switch label={t('registries.rescan')} description={t('registries.rescanHelp')} checked={s.rescan ?? false} onChange={(e) => change({ rescan: e.currentTarget.checked })} />
      <Select
        label={t('registries.sender')}
        description={t('registries.senderHelp')}
        placeholder={t('registries.noSender')}
        data={k.senders.map((v) => ({ value: v, label: senders[v] }))}
        value={d.spec.webhook?.sender ?? null}
        onChange={(v) => set({ webhook: { sender: (v ?? undefined) as Sender | undefined } })}
        clearable
      />
    </Stack>
  )
}
