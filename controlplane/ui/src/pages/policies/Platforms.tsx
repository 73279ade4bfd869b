import { Group, Table, Text, Tooltip } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { platformsQuery } from '../../api/queries'
import type { Mode } from '../../api/types'
import { StateBadge } from '../../parts/badges'
import { useWords } from '../../parts/words'

// PlatformChips say at a glance where a control holds: one chip for each rung
// of the engine ladder, in the mode that is set.
export function PlatformChips({ control, mode }: { control: string; mode: Mode }) {
  const { t } = useTranslation()
  const table = useQuery(platformsQuery).data
  const row = table?.controls.find((c) => c.control === control)
  if (!table || !row) return null
  return (
    <Group gap={4} mt={4} role="list" aria-label={t('policies.platforms')}>
      {table.platforms.map((p, i) => {
        const state = row.on[i]?.[mode === 'audit' ? 'audit' : 'enforce'] ?? 'unavailable'
        const says = t('policies.onPlatform', { platform: p.title, rung: p.rung, state: t(`controlState.${state}`) })
        return (
          <Tooltip key={p.id} label={says}>
            <span role="listitem" className={`rung rung-${state}`} aria-label={says}>
              {p.rung}
            </span>
          </Tooltip>
        )
      })}
    </Group>
  )
}

// PlatformLegend says what the chips mean: which platform, and what there.
export function PlatformLegend() {
  const { t } = useTranslation()
  const table = useQuery(platformsQuery).data
  return (
    <div>
      <Text size="xs" c="dimmed">
        {t('policies.platforms')}: {t('policies.legend')}
      </Text>
      <Group gap="xs" mt={2}>
        {table?.platforms.map((p) => (
          <Text key={p.id} size="xs" c="dimmed" component="span">
            <span className="rung">{p.rung}</span> {p.title}
          </Text>
        ))}
      </Group>
    </div>
  )
}

// PlatformTable says the same in full, with what is missing where.
export function PlatformTable({ control }: { control: string }) {
  const { t } = useTranslation()
  const words = useWords()
  const table = useQuery(platformsQuery).data
  const row = table?.controls.find((c) => c.control === control)
  if (!table || !row) return null
  return (
    <section aria-label={t('policies.platforms')}>
      <Text size="xs" fw={600} mt="sm">
        {t('policies.platforms')}
      </Text>
      <Text size="xs" c="dimmed" mb={4}>
        {t('policies.platformsLead')}
      </Text>
      <Table.ScrollContainer minWidth={420} type="native" tabIndex={0} role="group" aria-label={t('policies.platforms')}>
        <Table fz="xs" verticalSpacing={5} aria-label={t('policies.platforms')}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('policies.platform')}</Table.Th>
              <Table.Th>{t('policies.ifEnforced')}</Table.Th>
              <Table.Th>{t('policies.ifAudited')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {table.platforms.map((p, i) => {
              const cell = row.on[i]
              if (!cell) return null
              const why = words(cell.why || cell.whyAudit)
              return (
                <Table.Tr key={p.id}>
                  <Table.Td>
                    <Tooltip label={words(p.about).text}>
                      <span tabIndex={0}>
                        {p.title} <span className="dim">{p.rung}</span>
                      </span>
                    </Tooltip>
                    {why.text && (
                      <Text size="xs" c="dimmed" lang={why.lang}>
                        {why.text}
                      </Text>
                    )}
                  </Table.Td>
                  <Table.Td>
                    <StateBadge state={cell.enforce} />
                  </Table.Td>
                  <Table.Td>
                    <StateBadge state={cell.audit} />
                  </Table.Td>
                </Table.Tr>
              )
            })}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </section>
  )
}
