import { Tooltip } from '@mantine/core'
import { useSyncExternalStore } from 'react'
import { useTranslation } from 'react-i18next'

// One clock for all relative times of a page.
let now = Date.now()
const listeners = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined

function subscribe(f: () => void) {
  listeners.add(f)
  timer ??= setInterval(() => {
    now = Date.now()
    for (const l of listeners) l()
  }, 5_000)
  return () => {
    listeners.delete(f)
    if (listeners.size === 0 && timer !== undefined) {
      clearInterval(timer)
      timer = undefined
    }
  }
}

export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now)
}

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ['second', 60], ['minute', 60], ['hour', 24], ['day', 30], ['month', 12], ['year', Infinity],
]

// relative says how far `at` is from `from`, e.g. "3 minutes ago".
export function relative(at: number, from: number, language: string): string {
  let n = Math.round((at - from) / 1000)
  for (const [unit, size] of steps) {
    if (Math.abs(n) < size) return new Intl.RelativeTimeFormat(language, { numeric: 'auto', style: 'short' }).format(n, unit)
    n = Math.round(n / size)
  }
  return ''
}

export function absolute(at: string | number, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' }).format(new Date(at))
}

// When shows a time as people say it, and as clocks say it on hover. A fresh
// event must not read "in 2 seconds" because two clocks differ a little.
export function When({ at, future }: { at?: string | null; future?: boolean }) {
  const { i18n } = useTranslation()
  const ticked = useNow()
  if (!at) return <span className="dim">–</span>
  const ms = Date.parse(at)
  if (Number.isNaN(ms) || ms <= 0) return <span className="dim">–</span>
  const from = future ? ticked : Math.max(ticked, ms)
  return (
    <Tooltip label={`${absolute(ms, i18n.language)} · ${new Date(ms).toISOString()}`}>
      <time dateTime={at} className="nowrap">
        {relative(ms, from, i18n.language)}
      </time>
    </Tooltip>
  )
}

// Clock shows the exact time of day, with the date on hover.
export function Clock({ at }: { at: string }) {
  const { i18n } = useTranslation()
  const d = new Date(at)
  const today = d.toDateString() === new Date().toDateString()
  const text = new Intl.DateTimeFormat(i18n.language, {
    hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23',
    ...(today ? {} : { month: 'short', day: 'numeric' }),
  }).format(d)
  return (
    <time dateTime={at} className="nowrap tabular" title={`${absolute(at, i18n.language)} · ${at}`}>
      {text}
    </time>
  )
}
