import { Button, Group as Row, Modal, Stack, Stepper, Text, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { post } from '../../api/client'
import type { Group, JoinToken } from '../../api/types'
import { useMay } from '../../app/session'
import { ProblemAlert } from '../../parts/states'
import { ModeField, OnNoPolicyField, PoliciesField, type GroupValues } from './GroupFields'
import { Install } from './Install'
import { JoinTokenFields, tokenDefaults } from './JoinTokens'

export const groupName = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/

// AddGroup leads from a name to the command that starts the first enforcer.
// The group and its token are made together at the fourth step: before it
// nothing is stored, so closing the window leaves nothing behind.
export function AddGroup({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const client = useQueryClient()
  const mayToken = useMay('join-tokens')
  const [step, setStep] = useState(0)
  const [name, setName] = useState('')
  const [touched, setTouched] = useState(false)
  const [values, setValues] = useState<GroupValues>({ description: '', mode: 'audit', labels: {}, policies: ['default'], onNoPolicy: 'audit' })
  const [token, setToken] = useState(tokenDefaults)
  const set = (part: Partial<GroupValues>) => setValues({ ...values, ...part })
  const nameOK = groupName.test(name)

  const [made, setMade] = useState<Group>()
  const create = useMutation({
    mutationFn: async () => {
      // A second try after the token failed must not make the group again.
      const g = made ?? (await post<Group>('/groups', { name, ...values }))
      setMade(g)
      return mayToken ? post<JoinToken>(`/groups/${encodeURIComponent(name)}/join-tokens`, token) : undefined
    },
    onSuccess: async () => {
      setStep(4)
      await client.invalidateQueries({ queryKey: ['groups'] })
    },
  })
  const secret = create.data?.secret ?? create.data?.token

  const close = () => {
    onClose()
    if (made) void navigate({ to: '/enforcers/groups/$group', params: { group: made.name } })
  }
  const next = () => {
    if (step === 0 && !nameOK) {
      setTouched(true)
      return
    }
    if (step === 3) create.mutate()
    else setStep(step + 1)
  }

  return (
    <Modal
      opened
      onClose={close}
      title={t('enforcers.add')}
      size={820}
      closeOnClickOutside={false}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <form
        onSubmit={(e) => {
          e.preventDefault()
          next()
        }}
      >
        <Stepper active={step} size="xs" mb="lg" onStepClick={(s) => step < 4 && s < step && setStep(s)}>
          <Stepper.Step label={t('wizard.name')} />
          <Stepper.Step label={t('wizard.mode')} />
          <Stepper.Step label={t('wizard.policies')} />
          <Stepper.Step label={t('wizard.token')} />
          <Stepper.Step label={t('wizard.install')} />
        </Stepper>
        {step === 0 && (
          <Stack>
            <Text size="sm" c="dimmed">
              {t('wizard.nameHelp')}
            </Text>
            <TextInput
              label={t('common.name')}
              placeholder="web-production"
              value={name}
              data-autofocus
              maxLength={63}
              onChange={(e) => setName(e.currentTarget.value)}
              onBlur={() => setTouched(name !== '')}
              error={touched && !nameOK ? t('wizard.nameInvalid') : undefined}
            />
            <TextInput label={t('common.description')} value={values.description} maxLength={1000} onChange={(e) => set({ description: e.currentTarget.value })} />
          </Stack>
        )}
        {step === 1 && (
          <Stack gap="lg">
            <ModeField value={values.mode} onChange={(mode) => set({ mode })} />
            <OnNoPolicyField value={values.onNoPolicy} onChange={(onNoPolicy) => set({ onNoPolicy })} />
          </Stack>
        )}
        {step === 2 && <PoliciesField value={values.policies} onChange={(policies) => set({ policies })} />}
        {step === 3 && (
          <Stack>
            <Text size="sm" c="dimmed">
              {t('wizard.tokenHelp')}
            </Text>
            <JoinTokenFields values={token} onChange={setToken} />
            <ProblemAlert error={create.error} />
          </Stack>
        )}
        {step === 4 && made && <Install group={made.name} secret={secret} wait />}
        <Row justify="space-between" mt="xl">
          {step > 0 && step < 4 ? (
            <Button variant="default" onClick={() => setStep(step - 1)} disabled={create.isPending || made !== undefined}>
              {t('common.back')}
            </Button>
          ) : (
            <span />
          )}
          {step < 4 ? (
            <Button type="submit" loading={create.isPending}>
              {step === 3 ? t('wizard.create') : t('common.next')}
            </Button>
          ) : (
            <Button onClick={close}>{t('common.done')}</Button>
          )}
        </Row>
      </form>
    </Modal>
  )
}
