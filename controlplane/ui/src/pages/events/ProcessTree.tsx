import { Badge, Group, Text } from '@mantine/core'
import { IconArrowRight, IconTerminal2 } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import type { Process, SecurityEvent } from '../../api/types'
import { Digest, Mono } from '../../parts/Mono'
import { VerdictBadge } from '../../parts/badges'
import { object } from './what'

// commandLine quotes arguments that a shell would split.
export function commandLine(args?: string[] | null): string {
  return (args ?? []).map((a) => (/^[\w@%+=:,./-]+$/.test(a) ? a : `'${a.replaceAll("'", `'\\''`)}'`)).join(' ')
}

// ProcessTree leads from the oldest known ancestor down to the process that
// acted and to what it acted upon.
export function ProcessTree({ event: e }: { event: SecurityEvent }) {
  const { t } = useTranslation()
  const chain = [...(e.ancestors ?? [])].reverse() // the event has the parent first
  const node = (i: number): React.ReactNode => {
    const p = chain[i]
    if (p) {
      return (
        <ul className="tree">
          <li>
            <Node process={p} />
            {node(i + 1)}
          </li>
        </ul>
      )
    }
    return (
      <ul className="tree">
        <li className="tree-acting">
          {e.process && <Node process={e.process} acting />}
          {e.object && e.kind !== 'dropped' && (
            <ul className="tree">
              <li>
                <Group className="tree-node" gap={6}>
                  <IconArrowRight size={14} aria-hidden="true" />
                  <Text component="span" size="xs" c="dimmed" fw={400}>
                    {t(`kind.${e.kind as 'exec'}`, { defaultValue: e.kind })}
                  </Text>
                  <Mono value={object(e)} wrap />
                  <VerdictBadge verdict={e.verdict} killed={e.killed} />
                </Group>
              </li>
            </ul>
          )}
        </li>
      </ul>
    )
  }
  return <div aria-label={t('events.detail.processes')}>{node(0)}</div>
}

function Node({ process: p, acting }: { process: Process; acting?: boolean }) {
  const { t } = useTranslation()
  const line = commandLine(p.args)
  return (
    <div className="tree-node">
      <Group gap={6} wrap="wrap">
        <IconTerminal2 size={14} aria-hidden="true" />
        <Mono value={p.exe || p.comm || '?'} wrap />
        <Text component="span" size="xs" c="dimmed" fw={400}>
          pid {p.pid}
        </Text>
        <Text component="span" size="xs" c="dimmed" fw={400}>
          {p.user ? `${p.user} (uid ${p.uid ?? '?'})` : `uid ${p.uid ?? 0}`}
        </Text>
        {acting && (
          <Badge size="xs" color="limpet">
            {t('events.detail.acting')}
          </Badge>
        )}
        {p.outside && (
          <Badge size="xs" color="orange">
            {t('events.detail.outside')}
          </Badge>
        )}
      </Group>
      {line && (
        <Text size="xs" ff="monospace" c="dimmed" fw={400} pl={20} style={{ overflowWrap: 'anywhere' }}>
          {line}
          {p.argsTruncated && ' …'}
        </Text>
      )}
      {p.digest && (
        <Text size="xs" pl={20} component="div" fw={400}>
          <Digest value={p.digest} />
        </Text>
      )}
    </div>
  )
}
