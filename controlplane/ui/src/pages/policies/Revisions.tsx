import { Button, Group, NavLink, Paper, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { revisionsQuery } from '../../api/queries'
import { DiffView } from '../../parts/DiffView'
import { Loading, ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'
import { useKind } from './kind'

interface Props {
  policy: string
  current: string
  selected?: string
  onSelect: (revision: string) => void
  onRestore?: (yaml: string) => void
}

export function Revisions({ policy, current, selected, onSelect, onRestore }: Props) {
  const { t } = useTranslation()
  const query = useQuery(revisionsQuery(policy, useKind()))
  if (query.isPending) return <Loading />
  if (query.error) return <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
  const list = (query.data.items ?? []).toSorted((a, b) => b.revision - a.revision)
  const shown = list.find((r) => String(r.revision) === selected) ?? list[1] ?? list[0]
  return (
    <div className="revisions">
      <Paper component="nav" aria-label={t('policies.tabs.revisions')} p={4}>
        {list.map((r, i) => (
          <NavLink
            key={r.revision}
            component="button"
            className="nav-link"
            active={r === shown}
            onClick={() => onSelect(String(r.revision))}
            label={`${t('policies.revisionN', { n: r.revision })}${i === 0 ? ` · ${t('policies.currentRevision')}` : ''}`}
            description={
              <>
                {r.updatedBy} · <When at={r.updatedAt} />
                {r.note && <span style={{ display: 'block' }}>{r.note}</span>}
              </>
            }
          />
        ))}
      </Paper>
      {shown && (
        <div>
          <Group justify="space-between" mb="xs">
            <Text size="sm" c="dimmed">
              {t('policies.revisionDiff', { n: shown.revision })}
            </Text>
            {onRestore && shown.yaml !== undefined && shown.yaml !== current && (
              <Button size="xs" variant="default" onClick={() => onRestore(shown.yaml ?? '')}>
                {t('policies.restore', { n: shown.revision })}
              </Button>
            )}
          </Group>
          <DiffView before={shown.yaml} after={current} />
        </div>
      )}
    </div>
  )
}
