import { Input, MultiSelect, Radio, SegmentedControl, Stack, TagsInput, Text, TextInput } from '@mantine/core'
import { IconEye, IconLock } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { policiesQuery } from '../../api/queries'
import type { GroupMode, OnNoPolicy } from '../../api/types'

export interface GroupValues {
  description: string
  mode: GroupMode
  labels: Record<string, string>
  policies: string[]
  onNoPolicy: OnNoPolicy
  registries?: string[] // absent: as they are
  requiredLabels?: Record<string, string>
}

interface Props {
  values: GroupValues
  onChange: (v: GroupValues) => void
  readOnly?: boolean
}

export function GroupFields({ values, onChange, readOnly }: Props) {
  const { t } = useTranslation()
  const set = (part: Partial<GroupValues>) => onChange({ ...values, ...part })
  return (
    <Stack gap="lg">
      <TextInput label={t('common.description')} value={values.description} readOnly={readOnly} maxLength={1000} onChange={(e) => set({ description: e.currentTarget.value })} />
      <ModeField value={values.mode} onChange={(mode) => set({ mode })} readOnly={readOnly} />
      <PoliciesField value={values.policies} onChange={(policies) => set({ policies })} readOnly={readOnly} />
      <LabelsField label={t('common.labels')} help={t('enforcers.labelsHelp')} placeholder="team=web" value={values.labels} onChange={(labels) => set({ labels })} readOnly={readOnly} />
      <TagsInput
        label={t('enforcers.registries')}
        description={t('enforcers.registriesHelp')}
        placeholder="registry.example.com/shop/**"
        value={values.registries ?? []}
        onChange={(registries) => set({ registries })}
        readOnly={readOnly}
        maxTags={256}
        splitChars={[',', ' ']}
      />
      <LabelsField label={t('enforcers.requiredLabels')} help={t('enforcers.requiredLabelsHelp')} placeholder="team=*" value={values.requiredLabels ?? {}} onChange={(requiredLabels) => set({ requiredLabels })} readOnly={readOnly} />
      <OnNoPolicyField value={values.onNoPolicy} onChange={(onNoPolicy) => set({ onNoPolicy })} readOnly={readOnly} />
    </Stack>
  )
}

interface LabelsProps {
  label: string
  help: string
  placeholder: string
  value: Record<string, string>
  onChange: (v: Record<string, string>) => void
  readOnly?: boolean
}

function LabelsField({ label, help, placeholder, value, onChange, readOnly }: LabelsProps) {
  return <TagsInput label={label} description={help} placeholder={placeholder} value={Object.entries(value).map(([k, v]) => `${k}=${v}`)} onChange={(tags) => onChange(parseLabels(tags))} readOnly={readOnly} splitChars={[',', ' ']} />
}

export function parseLabels(tags: string[]): Record<string, string> {
  const out: Record<string, string> = {}
  for (const tag of tags) {
    const i = tag.indexOf('=')
    const key = (i < 0 ? tag : tag.slice(0, i)).trim()
    if (key) out[key] = i < 0 ? '' : tag.slice(i + 1).trim()
  }
  return out
}

export function ModeField({ value, onChange, readOnly }: { value: GroupMode; onChange: (m: GroupMode) => void; readOnly?: boolean }) {
  const { t } = useTranslation()
  return (
    <Input.Wrapper label={t('enforcers.modeLabel')} description={t('enforcers.modeHelp')}>
      <div>
        <SegmentedControl
          mt={6}
          value={value}
          onChange={(v) => onChange(v as GroupMode)}
          readOnly={readOnly}
          color={value === 'enforce' ? 'limpet' : 'yellow'}
          autoContrast
          data={[
            { value: 'audit', label: <Word icon={<IconEye size={14} />} text={t('mode.auditOnly')} /> },
            { value: 'enforce', label: <Word icon={<IconLock size={14} />} text={t('mode.enforce')} /> },
          ]}
          aria-label={t('enforcers.modeLabel')}
        />
      </div>
      <Text size="xs" c="dimmed" mt={6}>
        {value === 'audit' ? t('enforcers.auditMeans') : t('enforcers.enforceMeans')}
      </Text>
    </Input.Wrapper>
  )
}

function Word({ icon, text }: { icon: React.ReactNode; text: string }) {
  return (
    <span style={{ display: 'inline-flex', gap: 6, alignItems: 'center' }}>
      {icon}
      {text}
    </span>
  )
}

export function PoliciesField({ value, onChange, readOnly }: { value: string[]; onChange: (p: string[]) => void; readOnly?: boolean }) {
  const { t } = useTranslation()
  const policies = useQuery(policiesQuery).data?.items ?? []
  return (
    <MultiSelect
      label={t('nav.policies')}
      description={t('enforcers.policiesHelp')}
      data={[...new Set([...policies.map((p) => p.name), ...value])]}
      value={value}
      onChange={onChange}
      readOnly={readOnly}
      searchable
      hidePickedOptions
      placeholder={value.length === 0 ? t('enforcers.choosePolicies') : undefined}
      nothingFoundMessage={t('common.nothing')}
    />
  )
}

export function OnNoPolicyField({ value, onChange, readOnly }: { value: OnNoPolicy; onChange: (v: OnNoPolicy) => void; readOnly?: boolean }) {
  const { t } = useTranslation()
  return (
    <Radio.Group label={t('enforcers.onNoPolicy')} description={t('enforcers.onNoPolicyHelp')} value={value} onChange={(v) => onChange(v as OnNoPolicy)} readOnly={readOnly}>
      <Stack gap="xs" mt="xs">
        <Radio value="audit" label={t('enforcers.onNoPolicyAudit')} />
        <Radio value="refuse" label={t('enforcers.onNoPolicyRefuse')} />
      </Stack>
    </Radio.Group>
  )
}
