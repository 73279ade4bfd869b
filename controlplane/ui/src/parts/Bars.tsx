import { Group, Paper, Text } from '@mantine/core'
import { useElementSize } from '@mantine/hooks'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { TimeBucket } from '../api/types'

const series = ['deny', 'audit', 'allow'] as const
const color = { deny: 'var(--chart-deny)', audit: 'var(--chart-audit)', allow: 'var(--chart-allow)' }
const H = 190 // pixels, as everything here: the drawing is as wide as its place
const left = 38
const bottom = 20

// niceTop gives the end of the axis: a round number whose half is whole.
export function niceTop(max: number): number {
  if (max <= 4) return 4
  const p = 10 ** Math.floor(Math.log10(max))
  for (const m of p === 1 ? [2, 4, 6, 8, 10] : [1, 2, 3, 4, 5, 6, 8, 10]) if (m * p >= max) return m * p
  return max
}

// Bars draws counts over time, one stacked bar for each bucket.
export function Bars({ buckets, label, onPick }: { buckets: TimeBucket[]; label: string; onPick?: (b: TimeBucket, next?: TimeBucket) => void }) {
  const { t, i18n } = useTranslation()
  const [hover, setHover] = useState<number>()
  const { ref, width } = useElementSize()
  const W = Math.max(240, width || 720)
  const total = (b: TimeBucket) => series.reduce((n, s) => n + (b[s] ?? 0), 0)
  const top = niceTop(Math.max(0, ...buckets.map(total)))
  const step = (W - left) / Math.max(1, buckets.length)
  const y = (n: number) => (n / top) * (H - bottom - 8)
  const hour = new Intl.DateTimeFormat(i18n.language, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  const every = Math.max(1, Math.ceil((buckets.length * 72) / W))
  const shown = hover === undefined ? undefined : buckets[hover]
  return (
    <div className="bars" ref={ref}>
      <svg viewBox={`0 0 ${W} ${H}`} height={H} role="img" aria-label={label} onMouseLeave={() => setHover(undefined)}>
        {[0, 0.5, 1].map((f) => (
          <g key={f}>
            <line x1={left} x2={W} y1={H - bottom - y(top * f)} y2={H - bottom - y(top * f)} className="bars-grid" />
            <text x={left - 6} y={H - bottom - y(top * f) + 4} textAnchor="end" className="bars-axis">
              {new Intl.NumberFormat(i18n.language, { notation: 'compact' }).format(top * f)}
            </text>
          </g>
        ))}
        {buckets.map((b, i) => {
          let base = H - bottom
          return (
            <g key={b.at} onMouseEnter={() => setHover(i)} onClick={() => onPick?.(b, buckets[i + 1])} className={onPick ? 'bars-pick' : undefined}>
              <rect x={left + i * step} y={0} width={step} height={H - bottom} fill={hover === i ? 'var(--chart-hover)' : 'transparent'} />
              {series.map((s) => {
                const h = y(b[s] ?? 0)
                base -= h
                return h > 0 ? (
                  <rect key={s} x={left + i * step + step * 0.14} y={base} width={step * 0.72} height={Math.max(h, 1.5)} fill={color[s]} rx={1.5} />
                ) : null
              })}
              {i % every === 0 && left + i * step + step / 2 < W - 18 && (
                <text x={left + i * step + step / 2} y={H - 5} textAnchor="middle" className="bars-axis">
                  {hour.format(new Date(b.at))}
                </text>
              )}
            </g>
          )
        })}
      </svg>
      {shown && (
        <Paper className="bars-tip" shadow="sm" px="sm" py={6} aria-hidden="true">
          <Text size="xs" fw={600}>
            {new Intl.DateTimeFormat(i18n.language, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(shown.at))}
          </Text>
          {series.map((s) => (
            <Group key={s} gap={6} wrap="nowrap">
              <span className="swatch" style={{ background: color[s] }} />
              <Text size="xs">
                {t(`verdict.${s}`)} {(shown[s] ?? 0).toLocaleString(i18n.language)}
              </Text>
            </Group>
          ))}
        </Paper>
      )}
      <Group gap="md" mt={4} pl={left / 2}>
        {series.map((s) => (
          <Group key={s} gap={6}>
            <span className="swatch" style={{ background: color[s] }} />
            <Text size="xs" c="dimmed">
              {t(`verdict.${s}`)}
            </Text>
          </Group>
        ))}
      </Group>
    </div>
  )
}
