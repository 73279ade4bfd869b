import { Alert, Button, Group, List, Modal, Stack, Text } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { post } from '../../api/client'
import { registriesQuery, registryPath, senders, type Registry } from '../../api/registries'
import { Command } from '../../parts/Command'
import { ProblemAlert } from '../../parts/states'

// Webhook says where push notifications are to be sent, and with what secret.
// The secret is there only in the answer to its making.
export function Webhook({ registry, mayWrite, onClose }: { registry: Registry; mayWrite: boolean; onClose: () => void }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const renew = useMutation({
    mutationFn: () => post<Registry>(`${registryPath(registry.id)}/webhook-secret`),
    onSuccess: () => client.invalidateQueries({ queryKey: registriesQuery.queryKey }),
  })
  const hook = renew.data?.webhook ?? registry.webhook
  if (!hook) return null
  const inAddress = hook.sender === 'docker-hub' || hook.sender === 'quay'
  return (
    <Modal opened onClose={onClose} size="lg" title={t('registries.hookOf', { name: registry.name })} closeOnClickOutside={false} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <Stack gap="sm">
        <Text size="sm">{t('registries.hookLead')}</Text>
        <div>
          <Text size="sm" fw={600} mb={4}>
            {t('registries.hookAddress')}
          </Text>
          <Command text={hook.url} label={t('registries.hookAddress')} />
        </div>
        {hook.secret ? (
          <Alert color="yellow" role="status" title={t('registries.secretOnce')}>
            <Command text={hook.secret} label={t('registries.hookSecret')} />
          </Alert>
        ) : (
          <Text size="sm" c="dimmed">
            {t(inAddress ? 'registries.secretGoneAddress' : 'registries.secretGone')}
          </Text>
        )}
        <div>
          <Text size="sm" fw={600} mb={4}>
            {t('registries.hookSteps', { sender: senders[hook.sender] })}
          </Text>
          <List size="sm" type="ordered" spacing={4}>
            {t(`registries.steps.${hook.sender}`)
              .split('\n')
              .map((step) => (
                <List.Item key={step}>{step}</List.Item>
              ))}
          </List>
        </div>
        <ProblemAlert error={renew.error} />
        <Group justify="flex-end">
          {mayWrite && !hook.secret && (
            <Button variant="light" loading={renew.isPending} onClick={() => renew.mutate()}>
              {t('registries.newSecret')}
            </Button>
          )}
          <Button onClick={onClose}>{t('common.done')}</Button>
        </Group>
      </Stack>
    </Modal>
  )
}
