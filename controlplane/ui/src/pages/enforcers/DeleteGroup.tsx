import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { del } from '../../api/client'
import type { Group } from '../../api/types'
import { Confirm } from '../../parts/Confirm'

export function DeleteGroup({ group, onClose, onDone }: { group: Group; onClose: () => void; onDone?: () => void }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const remove = useMutation({
    mutationFn: () => del(`/groups/${encodeURIComponent(group.name)}`),
    onSuccess: async () => {
      onClose()
      onDone?.()
      client.removeQueries({ queryKey: ['groups', group.name] })
      await client.invalidateQueries({ queryKey: ['groups'], exact: true })
    },
  })
  return (
    <Confirm
      opened
      danger
      title={t('enforcers.deleteTitle', { name: group.name })}
      confirm={t('enforcers.delete')}
      busy={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    >
      {t('enforcers.deleteText', { count: group.members?.total ?? 0 })}
    </Confirm>
  )
}
