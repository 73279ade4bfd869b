import { Text } from '@mantine/core'
import { IconCheck, IconX } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import type { Enforcer, Facility } from '../../api/types'

// facilitiesOf reads both forms: a list, or a map from name to what the probe
// said of it.
export function facilitiesOf(f: Enforcer['facilities']): Facility[] {
  if (!f) return []
  if (Array.isArray(f)) return f
  return Object.entries(f).map(([name, v]) => {
    if (typeof v === 'boolean') return { name, ok: v }
    if (v && typeof v === 'object' && 'ok' in v) {
      const o = v as { ok: unknown; errno?: number | string; detail?: string }
      return { name, ok: o.ok === true, errno: o.errno, detail: o.detail }
    }
    const s = String(v)
    return { name, ok: s === 'ok' || s === 'true' || s === 'yes' || s === '', detail: /^(ok|true|yes|false|no)?$/.test(s) ? undefined : s }
  })
}

export function Facilities({ facilities }: { facilities: Enforcer['facilities'] }) {
  const { t } = useTranslation()
  const list = facilitiesOf(facilities)
  if (list.length === 0) return null
  return (
    <ul className="facility-list" aria-label={t('enforcers.facilities')}>
      {list.map((f) => (
        <li key={f.name}>
          {f.ok ? (
            <IconCheck size={14} color="var(--mantine-color-limpet-6)" aria-label={t('enforcers.facilityThere')} />
          ) : (
            <IconX size={14} color="var(--mantine-color-orange-7)" aria-label={t('enforcers.facilityMissing')} />
          )}
          <Text component="span" size="xs" ff="monospace">
            {f.name}
          </Text>
          {(f.detail || (!f.ok && f.errno)) && (
            <Text component="span" size="xs" c="dimmed">
              {[f.detail, f.errno ? `errno ${f.errno}` : ''].filter(Boolean).join(' · ')}
            </Text>
          )}
        </li>
      ))}
    </ul>
  )
}
