import { Text } from '@mantine/core'
import { IconShieldOff } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { controlsQuery, effectiveQuery } from '../../api/queries'
import type { EffectiveControl, Group } from '../../api/types'
import { DataTable } from '../../parts/DataTable'
import { ModeBadge, Unavailable } from '../../parts/badges'
import { Empty, Loading, ProblemAlert } from '../../parts/states'
import { useControlText } from '../../parts/control'
import { AnchorLink } from '../../parts/links'

// Effective shows what the group's policies come to together, and which
// policy each line comes from.
export function Effective({ group }: { group: Group }) {
  const { t } = useTranslation()
  const text = useControlText()
  const query = useQuery(effectiveQuery(group.name))
  const registry = useQuery(controlsQuery).data
  const rows = useMemo(() => (query.data ?? []).filter((c) => c.mode !== 'off'), [query.data])
  const columns = useMemo<ColumnDef<EffectiveControl>[]>(
    () => [
      {
        id: 'control',
        header: t('events.control'),
        cell: ({ row: { original: c } }) => (
          <>
            <Text size="sm" fw={600} component="span">
              {text.title(c.control)}
            </Text>{' '}
            {(c.available === false || registry?.find((r) => r.id === c.control)?.available === false) && <Unavailable />}
            <Text size="xs" c="dimmed" lang={text.description(c.control).lang}>
              {text.description(c.control).text}
            </Text>
          </>
        ),
      },
      { id: 'mode', header: t('enforcers.effectiveMode'), cell: ({ row }) => <ModeBadge mode={row.original.mode} />, meta: { width: 130 } },
      {
        id: 'sources',
        header: t('enforcers.sources'),
        cell: ({ row }) =>
          (row.original.sources ?? []).map((s) => (
            <Text key={s.policy} size="sm" component="div">
              <AnchorLink to="/policies/$policy" params={{ policy: s.policy }} search={{ control: row.original.control }} size="sm" underline="always">
                {s.policy}
              </AnchorLink>{' '}
              <Text component="span" size="xs" c="dimmed">
                {t(`mode.${s.mode}`)}
                {s.weakened && <span lang="en"> · {s.weakened}</span>}
              </Text>
            </Text>
          )),
      },
    ],
    [t, text, registry],
  )
  if (query.isPending) return <Loading />
  if (query.error) return <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
  return (
    <>
      <Text size="sm" c="dimmed" mb="sm" maw={760}>
        {group.mode === 'audit' ? t('enforcers.effectiveAudit') : t('enforcers.effectiveEnforce')}
      </Text>
      {rows.length === 0 ? (
        <Empty icon={<IconShieldOff size={26} />} title={t('enforcers.effectiveNone')}>
          {t('enforcers.effectiveNoneHelp')}
        </Empty>
      ) : (
        <DataTable label={t('enforcers.tabs.effective')} rows={rows} columns={columns} rowKey={(c) => c.control} fileName={`limpet-${group.name}-effective`} />
      )}
    </>
  )
}
