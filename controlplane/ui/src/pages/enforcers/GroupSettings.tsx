import { Button, Group as Row, Stack } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { isProblem, put, type Versioned } from '../../api/client'
import { groupQuery } from '../../api/queries'
import type { Group } from '../../api/types'
import { done } from '../../parts/notify'
import { ProblemAlert } from '../../parts/states'
import { GroupFields, type GroupValues } from './GroupFields'

interface Props {
  loaded: Versioned<Group>
  readOnly: boolean
}

export function GroupSettings({ loaded, readOnly }: Props) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const [values, setValues] = useState<GroupValues>(() => valuesOf(loaded.value))
  const dirty = JSON.stringify(values) !== JSON.stringify(valuesOf(loaded.value))
  const save = useMutation({
    mutationFn: () => put<Group>(`/groups/${encodeURIComponent(loaded.value.name)}`, { ...values, name: loaded.value.name }, loaded.etag),
    onSuccess: async () => {
      done(t('enforcers.saved', { name: loaded.value.name }))
      await client.invalidateQueries({ queryKey: ['groups'] })
    },
  })
  return (
    <Stack maw={640}>
      <GroupFields values={values} onChange={setValues} readOnly={readOnly} />
      <ProblemAlert
        error={save.error}
        onRetry={
          isProblem(save.error, 412) ? () => void client.invalidateQueries({ queryKey: groupQuery(loaded.value.name).queryKey }) : undefined
        }
      />
      {!readOnly && (
        <Row>
          <Button onClick={() => save.mutate()} loading={save.isPending} disabled={!dirty}>
            {t('common.save')}
          </Button>
          <Button variant="default" disabled={!dirty} onClick={() => setValues(valuesOf(loaded.value))}>
            {t('common.discard')}
          </Button>
        </Row>
      )}
    </Stack>
  )
}

function valuesOf(g: Group): GroupValues {
  return {
    description: g.description ?? '',
    mode: g.mode,
    labels: g.labels ?? {},
    policies: g.policies ?? [],
    onNoPolicy: g.onNoPolicy,
    registries: g.registries ?? [],
    requiredLabels: g.requiredLabels ?? {},
  }
}
