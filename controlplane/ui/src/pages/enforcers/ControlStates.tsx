import { SegmentedControl, Table, Text } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { ControlState, ControlStatus } from '../../api/types'
import { StateBadge } from '../../parts/badges'
import { useControlText } from '../../parts/control'
import { useWords } from '../../parts/words'

const order: Record<ControlState, number> = { unavailable: 0, audit: 1, enforced: 2, off: 3 }

// ControlStates shows what is true on this enforcer, not what was wished for:
// a control that cannot be carried out comes first, with the reason.
export function ControlStates({ controls }: { controls: ControlStatus[] }) {
  const { t } = useTranslation()
  const text = useControlText()
  const words = useWords()
  const [all, setAll] = useState(false)
  const used = controls.filter((c) => c.state !== 'off')
  const shown = (all ? controls : used).toSorted((a, b) => order[a.state] - order[b.state])
  return (
    <>
      <SegmentedControl
        size="xs"
        mb="xs"
        value={all ? 'all' : 'used'}
        onChange={(v) => setAll(v === 'all')}
        aria-label={t('enforcers.trueState')}
        data={[
          { value: 'used', label: t('enforcers.usedControls', { count: used.length }) },
          { value: 'all', label: t('enforcers.allControls', { count: controls.length }) },
        ]}
      />
      {shown.length === 0 ? (
        <Text size="sm" c="dimmed">
          {t('enforcers.noControls')}
        </Text>
      ) : (
        <Table aria-label={t('enforcers.trueState')}>
          <Table.Tbody>
            {shown.map((c) => (
              <Table.Tr key={c.control}>
                <Table.Td w={140}>
                  <StateBadge state={c.state} />
                </Table.Td>
                <Table.Td>
                  <Text size="sm" fw={500}>
                    {text.title(c.control)}
                  </Text>
                  {(c.reason || Boolean(c.errno)) && (
                    <Text size="xs" c="dimmed" lang={words(c.reason).lang}>
                      {words(c.reason).text}
                      {c.errno ? ` (errno ${c.errno})` : ''}
                    </Text>
                  )}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </>
  )
}
