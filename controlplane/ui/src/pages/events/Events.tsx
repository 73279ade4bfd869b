import { Button, Group, Indicator, Menu, Text } from '@mantine/core'
import { IconActivity, IconDownload, IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react'
import { useInfiniteQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useCallback, useEffect, useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { address } from '../../api/client'
import { eventsQuery, type EventFilter } from '../../api/queries'
import { useEventStream } from '../../api/stream'
import type { SecurityEvent } from '../../api/types'
import type { EventsSearch } from '../../app/search'
import { PageHeader } from '../../parts/PageHeader'
import { Empty, Loading, ProblemAlert } from '../../parts/states'
import { EventDrawer } from './EventDrawer'
import { EventFilters } from './EventFilters'
import { EventTable } from './EventTable'
import { filterOf, isFiltered } from './filter'
import { ButtonLink } from '../../parts/links'

const route = getRouteApi('/shell/events')
const maxLive = 2000 // newest events kept in front of the pages read

export function EventsPage() {
  const search = route.useSearch()
  const navigate = route.useNavigate()
  // The start of a relative range is fixed when the range is chosen.
  const filter = useMemo(() => filterOf(search, Date.now()), [search])
  const key = JSON.stringify(filterOf(search, 0))
  return (
    <>
      <EventsBody
        key={key}
        search={search}
        filter={filter}
        onSearch={(s) => void navigate({ search: s, replace: true })}
        onOpen={(id) => void navigate({ search: (s) => ({ ...s, id }), resetScroll: false })}
      />
    </>
  )
}

interface BodyProps {
  search: EventsSearch
  filter: EventFilter
  onSearch: (s: EventsSearch) => void
  onOpen: (id: string | undefined) => void
}

function EventsBody({ search, filter: current, onSearch, onOpen }: BodyProps) {
  const { t } = useTranslation()
  const [filter] = useState(current) // the body is made anew when the filter changes
  const query = useInfiniteQuery(eventsQuery(filter))
  const [live, setLive] = useState<SecurityEvent[]>([])
  const [waiting, setWaiting] = useState<SecurityEvent[]>([])
  const fixedEnd = filter.to !== undefined
  const paused = search.paused === true
  const take = useCallback(
    (e: SecurityEvent) => {
      const put = (list: SecurityEvent[]) => (list.some((x) => x.id === e.id) ? list : [e, ...list].slice(0, maxLive))
      if (paused) setWaiting(put)
      else setLive(put)
    },
    [paused],
  )
  const stream = useEventStream(!fixedEnd, filter, take)

  const events = useMemo(() => {
    const seen = new Set<string>()
    const all: SecurityEvent[] = []
    for (const e of [...live, ...(query.data?.pages.flatMap((p) => p.items ?? []) ?? [])]) {
      if (seen.has(e.id)) continue
      seen.add(e.id)
      all.push(e)
    }
    return all
  }, [live, query.data])

  // A page may be empty although more follow: the server stops looking after
  // so many rows. Go on until something is found or nothing is left.
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query
  useEffect(() => {
    if (events.length === 0 && hasNextPage && !isFetchingNextPage) void fetchNextPage()
  }, [events.length, hasNextPage, isFetchingNextPage, fetchNextPage])

  const toggle = () => {
    if (paused) {
      setLive((l) => [...waiting, ...l].slice(0, maxLive))
      setWaiting([])
    }
    onSearch({ ...search, paused: paused ? undefined : true })
  }

  const liveState = fixedEnd ? 'fixed' : paused ? 'paused' : stream
  return (
    <>
      <PageHeader
        title={t('events.title')}
        badge={
          <Group gap={8} role="status">
            <Indicator
              processing={liveState === 'open'}
              color={liveState === 'open' ? 'limpet' : liveState === 'paused' || liveState === 'fixed' ? 'gray' : 'yellow'}
              position="middle-center"
              size={8}
              w={14}
              h={14}
            >
              <span />
            </Indicator>
            <Text size="xs" c="dimmed">
              {t(`events.live.${liveState}`)}
            </Text>
          </Group>
        }
        actions={
          <>
            {!fixedEnd && (
              <Button
                variant="default"
                size="xs"
                leftSection={paused ? <IconPlayerPlay size={14} /> : <IconPlayerPause size={14} />}
                onClick={toggle}
              >
                {paused ? t('events.resume', { count: waiting.length }) : t('events.pause')}
              </Button>
            )}
            <Menu position="bottom-end">
              <Menu.Target>
                <Button variant="default" size="xs" leftSection={<IconDownload size={14} />}>
                  {t('common.export')}
                </Button>
              </Menu.Target>
              <Menu.Dropdown>
                {(['csv', 'json'] as const).map((format) => (
                  <Menu.Item key={format} component="a" href={address('/events/export', { ...filter, format })} download>
                    {format.toUpperCase()}
                  </Menu.Item>
                ))}
              </Menu.Dropdown>
            </Menu>
          </>
        }
      />
      <EventFilters search={search} onSearch={onSearch} />
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} mb="md" />
      {query.isPending || (events.length === 0 && hasNextPage) ? (
        <Loading rows={10} />
      ) : events.length > 0 ? (
        <EventTable
          events={events}
          freshFrom={live.length}
          selected={search.id}
          onOpen={onOpen}
          more={query.hasNextPage && !query.isFetchingNextPage ? () => void query.fetchNextPage() : undefined}
          loadingMore={query.isFetchingNextPage}
        />
      ) : query.error ? null : isFiltered(search) ? (
        <Empty
          icon={<IconActivity size={26} />}
          title={t('events.noneMatch')}
          action={
            <Button variant="default" onClick={() => onSearch({})}>
              {t('events.clear')}
            </Button>
          }
        >
          {t('events.noneMatchHelp')}
        </Empty>
      ) : (
        <Empty
          icon={<IconActivity size={26} />}
          title={t('events.none')}
          action={
            <ButtonLink to="/enforcers" variant="default">
              {t('nav.enforcers')}
            </ButtonLink>
          }
        >
          {t('events.noneHelp')}
        </Empty>
      )}
      <EventDrawer id={search.id} known={events.find((e) => e.id === search.id)} onClose={() => onOpen(undefined)} />
    </>
  )
}
