import { Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import type { SecurityEvent } from '../../api/types'
import { VerdictBadge } from '../../parts/badges'
import { When } from '../../parts/When'
import { useControlText } from '../../parts/control'
import { what } from '../events/what'

export function Recent({ events }: { events: SecurityEvent[] }) {
  const { t } = useTranslation()
  const text = useControlText()
  return (
    <div>
      {events.slice(0, 10).map((e) => (
        <Link key={e.id} to="/events" search={{ id: e.id }} className="recent-row">
          <span>
            <VerdictBadge verdict={e.verdict} killed={e.killed} />
          </span>
          <span className="ev-cell">
            {what(e, t)}
            <Text component="span" size="xs" c="dimmed">
              {'  '}
              {[text.title(e.control), e.workload?.image].filter(Boolean).join(' · ')}
            </Text>
          </span>
          <Text component="span" size="xs" c="dimmed">
            <When at={e.observedAt} />
          </Text>
        </Link>
      ))}
    </div>
  )
}
