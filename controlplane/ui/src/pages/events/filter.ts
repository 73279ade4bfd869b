import type { EventFilter } from '../../api/queries'
import type { EventsSearch } from '../../app/search'

const hours = { '1h': 1, '24h': 24, '7d': 168, '30d': 720 } as const

// filterOf gives what the server is asked for. Of a relative range and fixed
// times the fixed times win.
export function filterOf(s: EventsSearch, now: number): EventFilter {
  const from = s.from ?? (s.range ? new Date(now - hours[s.range] * 3_600_000).toISOString() : undefined)
  const f: EventFilter = {
    from, to: s.to, control: s.control, verdict: s.verdict, kind: s.kind, group: s.group,
    enforcer: s.enforcer, image: s.image, finding: s.finding, q: s.q,
  }
  return Object.fromEntries(Object.entries(f).filter(([, v]) => v !== undefined))
}

export function isFiltered(s: EventsSearch): boolean {
  return Object.keys(filterOf(s, 0)).length > 0
}
