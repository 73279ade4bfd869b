import { useEffect, useRef, useState } from 'react'
import { address, get } from './client'
import type { EventFilter } from './queries'
import type { SecurityEvent } from './types'

export type StreamState = 'connecting' | 'open' | 'closed'

const retryMs = 5_000

// useEventStream listens to new events that match the filter while `on` is
// true, and says whether it is heard.
export function useEventStream(on: boolean, filter: EventFilter, onEvent: (e: SecurityEvent) => void): StreamState {
  const [state, setState] = useState<StreamState>('connecting')
  const handler = useRef(onEvent)
  useEffect(() => {
    handler.current = onEvent
  })
  const { control, verdict, kind, group, enforcer, image, q } = filter
  useEffect(() => {
    if (!on || typeof EventSource === 'undefined') return
    let source: EventSource | undefined
    let again: ReturnType<typeof setTimeout> | undefined
    const open = () => {
      source = new EventSource(address('/events/stream', { control, verdict, kind, group, enforcer, image, q }))
      source.onopen = () => setState('open')
      source.onerror = () => {
        const closed = source?.readyState === EventSource.CLOSED
        setState(closed ? 'closed' : 'connecting')
        if (!closed) return // the browser tries again by itself
        // The server answered something else than a stream: perhaps the
        // session has ended, which this call finds out.
        void get('/session').catch(() => undefined)
        again = setTimeout(open, retryMs)
      }
      source.addEventListener('event', (m) => {
        try {
          handler.current(JSON.parse((m as MessageEvent<string>).data) as SecurityEvent)
        } catch {
          // One line that is not JSON does not end the stream.
        }
      })
    }
    open()
    return () => {
      clearTimeout(again)
      source?.close()
      setState('connecting')
    }
  }, [on, control, verdict, kind, group, enforcer, image, q])
  return state
}
