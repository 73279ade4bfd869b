import { Group, Text } from '@mantine/core'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useRef, type KeyboardEvent } from 'react'
import { useTranslation } from 'react-i18next'
import type { SecurityEvent } from '../../api/types'
import { Clock } from '../../parts/When'
import { VerdictBadge } from '../../parts/badges'
import { useControlText } from '../../parts/control'
import { object, shortImage, what, who } from './what'

interface Props {
  events: SecurityEvent[]
  freshFrom: number // so many at the front arrived while the page was open
  selected?: string
  onOpen: (id: string) => void
  more?: () => void
  loadingMore: boolean
}

const rowHeight = 38

// EventTable draws only the rows in sight and asks for more when the end of
// what was read comes near.
export function EventTable({ events, freshFrom, selected, onOpen, more, loadingMore }: Props) {
  const { t } = useTranslation()
  const text = useControlText()
  const scroll = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: events.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => rowHeight,
    getItemKey: (i) => events[i]?.id ?? i,
    overscan: 12,
  })
  const items = virtual.getVirtualItems()
  const last = items.at(-1)?.index ?? 0
  useEffect(() => {
    if (more && last >= events.length - 20) more()
  }, [more, last, events.length])

  const onKey = (e: KeyboardEvent<HTMLButtonElement>, index: number) => {
    const to = e.key === 'ArrowDown' || e.key === 'j' ? index + 1 : e.key === 'ArrowUp' || e.key === 'k' ? index - 1 : -1
    if (to < 0 || to >= events.length) return
    e.preventDefault()
    virtual.scrollToIndex(to)
    requestAnimationFrame(() => scroll.current?.querySelector<HTMLElement>(`[data-index="${to}"]`)?.focus())
  }

  return (
    <div className="ev-table">
      <div ref={scroll} className="ev-scroll" tabIndex={-1} role="table" aria-label={t('events.title')} aria-rowcount={events.length + 1}>
        <div className="ev-row ev-head" role="row" aria-rowindex={1}>
          {(['time', 'verdict', 'control', 'object', 'process', 'image', 'group'] as const).map((c) => (
            <span key={c} role="columnheader">
              {t(`events.${c}`)}
            </span>
          ))}
        </div>
        <div className="ev-body" role="rowgroup" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {items.map((v) => {
            const e = events[v.index]
            if (!e) return null
            return (
              <button
                key={v.key}
                type="button"
                role="row"
                aria-rowindex={v.index + 2}
                data-index={v.index}
                className={v.index < freshFrom ? 'ev-row ev-fresh' : 'ev-row'}
                style={{ transform: `translateY(${v.start}px)` }}
                aria-current={e.id === selected ? 'true' : undefined}
                aria-label={what(e, t)}
                onClick={() => onOpen(e.id)}
                onKeyDown={(k) => onKey(k, v.index)}
              >
                <span role="cell" className="ev-cell">
                  <Clock at={e.observedAt} />
                </span>
                <span role="cell" className="ev-cell">
                  <VerdictBadge verdict={e.verdict} killed={e.killed} />
                </span>
                <span role="cell" className="ev-cell">
                  {e.control ? text.title(e.control) : t(`kind.${e.kind as 'exec'}`, { defaultValue: e.kind })}
                </span>
                <span role="cell" className="ev-cell" title={object(e) || e.reason}>
                  <Text component="span" size="xs" ff="monospace">
                    {object(e) || e.reason}
                  </Text>
                  {Number(e.count ?? 1) > 1 && (
                    <Text component="span" size="xs" c="dimmed">
                      {' '}
                      ×{Number(e.count)}
                    </Text>
                  )}
                </span>
                <span role="cell" className="ev-cell" title={who(e)}>
                  <Text component="span" size="xs" ff="monospace">
                    {who(e)}
                  </Text>
                </span>
                <span role="cell" className="ev-cell" title={e.workload?.image}>
                  {shortImage(e.workload?.image) || e.workload?.hostname || '–'}
                </span>
                <span role="cell" className="ev-cell">
                  {e.group}
                </span>
              </button>
            )
          })}
        </div>
      </div>
      <Group justify="space-between" px="sm" py={6} className="table-foot">
        <Text size="xs" c="dimmed" role="status">
          {loadingMore ? t('common.loading') : more ? t('events.shownMore', { count: events.length }) : t('events.shown', { count: events.length })}
        </Text>
      </Group>
    </div>
  )
}
