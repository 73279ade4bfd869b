import { Badge, Group, Tooltip, type MantineColor } from '@mantine/core'
import {
  IconAlertTriangle, IconBan, IconCheck, IconCircleDashed, IconEye, IconLock, IconPlugConnectedX,
} from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import type { ControlState, Mode, Verdict } from '../api/types'

// Colour never stands alone: every badge has a word, most have an icon too.

const modeColor: Record<Mode, MantineColor> = { enforce: 'limpet', audit: 'yellow', off: 'gray', warn: 'orange', block: 'red' }

export function ModeBadge({ mode }: { mode: Mode }) {
  const { t } = useTranslation()
  const icon = mode === 'enforce' ? <IconLock size={12} /> : mode === 'audit' ? <IconEye size={12} /> : undefined
  return (
    <Badge color={modeColor[mode] ?? 'gray'} leftSection={icon}>
      {t(`mode.${mode}`)}
    </Badge>
  )
}

const verdictColor: Record<Verdict, MantineColor> = { deny: 'red', audit: 'yellow', allow: 'gray' }

export function VerdictBadge({ verdict, killed }: { verdict: Verdict; killed?: boolean }) {
  const { t } = useTranslation()
  const icon =
    verdict === 'deny' ? <IconBan size={12} /> : verdict === 'audit' ? <IconEye size={12} /> : <IconCheck size={12} />
  return (
    <Badge color={verdictColor[verdict] ?? 'gray'} leftSection={icon}>
      {verdict === 'deny' && killed ? t('verdict.killed') : t(`verdict.${verdict}`)}
    </Badge>
  )
}

const stateColor: Record<ControlState, MantineColor> = {
  enforced: 'limpet', audit: 'yellow', off: 'gray', unavailable: 'orange',
}

export function StateBadge({ state }: { state: ControlState }) {
  const { t } = useTranslation()
  const icon = {
    enforced: <IconLock size={12} />,
    audit: <IconEye size={12} />,
    off: <IconCircleDashed size={12} />,
    unavailable: <IconAlertTriangle size={12} />,
  }[state]
  return (
    <Badge color={stateColor[state] ?? 'gray'} leftSection={icon}>
      {t(`controlState.${state}`)}
    </Badge>
  )
}

export function ConnectionBadge({ state }: { state: string }) {
  const { t } = useTranslation()
  const connected = state === 'connected'
  return (
    <Badge color={connected ? 'limpet' : 'gray'} leftSection={connected ? <Dot /> : <IconPlugConnectedX size={12} />}>
      {connected ? t('connection.connected') : state === 'stale' ? t('connection.stale') : state}
    </Badge>
  )
}

function Dot() {
  return <span className="dot" aria-hidden="true" />
}

// Unavailable marks a control that a policy may name but no enforcer of
// today carries out.
export function Unavailable({ reason }: { reason?: string }) {
  const { t } = useTranslation()
  return (
    <Tooltip label={reason || t('controlState.unavailableWhy')}>
      <Badge color="orange" leftSection={<IconAlertTriangle size={12} />} tabIndex={0}>
        {t('controlState.notYet')}
      </Badge>
    </Tooltip>
  )
}

export function Labels({ labels }: { labels?: Record<string, string> | null }) {
  const entries = Object.entries(labels ?? {})
  if (entries.length === 0) return null
  return (
    <Group gap={4}>
      {entries.map(([k, v]) => (
        <Badge key={k} color="gray" variant="default" ff="monospace" fw={400}>
          {v === '' ? k : `${k}=${v}`}
        </Badge>
      ))}
    </Group>
  )
}
