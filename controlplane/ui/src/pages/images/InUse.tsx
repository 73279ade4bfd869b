import { Badge, Stack, Tooltip } from '@mantine/core'
import { IconPlayerPlay } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import type { Use, UseEvidence } from '../../api/inventory'
import { FilterSelect } from '../../parts/FilterSelect'
import { When } from '../../parts/When'

// InUse says whether workloads were seen to use a package. What nobody knows
// needs no badge.
export function InUse({ use, evidence }: { use?: Use; evidence?: UseEvidence[] }) {
  const { t } = useTranslation()
  if (use !== 'yes' && use !== 'notSeen') return null
  const seen = evidence?.map((e) => (
    <span key={`${e.path} ${e.group} ${e.by} ${e.how}`} style={{ overflowWrap: 'anywhere' }}>
      {t(`inventory.useHow.${e.how}`, { path: e.path, group: e.group })} · <When at={e.lastSeen} />
    </span>
  ))
  return (
    <Tooltip multiline maw={420} label={seen ? <Stack gap={2}>{seen}</Stack> : t(`inventory.useText.${use}`)}>
      <Badge miw="max-content" size="sm" variant="light" color={use === 'yes' ? 'orange' : 'gray'} leftSection={use === 'yes' && <IconPlayerPlay size={10} />} tabIndex={0}>
        {t(`inventory.use.${use}`)}
      </Badge>
    </Tooltip>
  )
}

export function UseFilter({ value, onChange }: { value?: 'yes' | 'notSeen'; onChange: (v: 'yes' | 'notSeen' | undefined) => void }) {
  const { t } = useTranslation()
  return <FilterSelect label={t('inventory.useFilter')} values={['yes', 'notSeen'] as const} name={(v) => t(`inventory.use.${v}`)} value={value} onChange={onChange} />
}
