import { useEffect, useRef, useState } from 'react'
import { address } from './client'
import type { EventFilter } from './queries'
import type { SecurityEvent } from './types'

export type StreamState = 'connecting' | 'open' | 'closed'

// useEventStream listens to new events that match the filter while `on` is
// true. The browser reconnects by itself; state says whether it is heard.
export function useEventStream(on: boolean, filter: EventFilter, onEvent: (e: SecurityEvent) => void): StreamState {
  const [state, setState] = useState<StreamState>('connecting')
  const handler = useRef(onEvent)
  useEffect(() => {
    handler.current = onEvent
  })
  const { control, verdict, kind, group, enforcer, image, q } = filter
  useEffect(() => {
    if (!on || typeof EventSource === 'undefined') return
    const source = new EventSource(address('/events/stream', { control, verdict, kind, group, enforcer, image, q }))
    source.onopen = () => setState('open')
    source.onerror = () => setState(source.readyState === EventSource.CLOSED ? 'closed' : 'connecting')
    source.addEventListener('event', (m) => {
      try {
        handler.current(JSON.parse((m as MessageEvent<string>).data) as SecurityEvent)
      } catch {
        // One line that is not JSON does not end the stream.
      }
    })
    return () => {
      source.close()
      setState('connecting')
    }
  }, [on, control, verdict, kind, group, enforcer, image, q])
  return state
}
