import { useTranslation } from 'react-i18next'
import type { SecurityEvent } from '../../api/types'
import { Fact } from '../../parts/Fact'
import { Digest, Mono } from '../../parts/Mono'
import { endpoint } from './what'

// shown are the fields that have a line of their own; whatever else a newer
// server sends is shown by its name.
const shown = new Set([
  'type', 'path', 'requested', 'digest', 'expectedDigest', 'origin', 'fileless', 'interpreter', 'name', 'queryType', 'server', 'target', 'tunnel',
  'address', 'port', 'protocol', 'direction', 'syscall', 'detail', 'count', 'first', 'last', 'cause', 'reason', 'byControl', 'dev', 'ino', 'mode',
  'domain', 'socketType', 'socketProtocol',
])

const origins = ['image', 'modified', 'drifted', 'moved', 'unknown'] as const

export function ObjectFacts({ event: e }: { event: SecurityEvent }) {
  const { t, i18n } = useTranslation()
  const o = e.object
  if (!o) return null
  const origin = origins.find((x) => x === o.origin)
  return (
    <dl className="facts">
      <Fact name={t('object.path')}>{o.path && <Mono value={o.path} wrap copy />}</Fact>
      <Fact name={t('object.requested')}>{o.requested && o.requested !== o.path && <Mono value={o.requested} wrap />}</Fact>
      <Fact name={t('object.digest')}>{o.digest && <Digest value={o.digest} />}</Fact>
      <Fact name={t('object.expectedDigest')}>{o.expectedDigest && <Digest value={o.expectedDigest} />}</Fact>
      <Fact name={t('object.origin')}>{origin && t(`object.origins.${origin}`)}</Fact>
      <Fact name={t('object.fileless')}>{o.fileless && t('object.filelessYes')}</Fact>
      <Fact name={t('object.interpreter')}>{o.interpreter && <Mono value={o.interpreter} wrap />}</Fact>
      <Fact name={t('object.name')}>{o.name && <Mono value={o.name} wrap copy />}</Fact>
      <Fact name={t('object.queryType')}>{o.queryType}</Fact>
      <Fact name={t('object.server')}>{o.server && <Mono value={o.server} />}</Fact>
      <Fact name={t('object.target')}>{o.target && <Mono value={o.target} wrap />}</Fact>
      <Fact name={t('object.tunnel')}>{o.tunnel}</Fact>
      <Fact name={t('object.address')}>{o.address && <Mono value={endpoint(o.address, o.port)} wrap copy />}</Fact>
      <Fact name={t('object.protocol')}>{o.protocol}</Fact>
      <Fact name={t('object.direction')}>
        {o.direction === 'outbound' ? t('object.outbound') : o.direction === 'inbound' ? t('object.inbound') : o.direction}
      </Fact>
      <Fact name={t('object.syscall')}>{o.syscall && <code>{o.syscall}</code>}</Fact>
      <Fact name={t('object.detail')}>{o.detail && <Mono value={o.detail} wrap />}</Fact>
      <Fact name={t('object.dropped')}>{e.kind === 'dropped' && Number(o.count ?? 0).toLocaleString(i18n.language)}</Fact>
      <Fact name={t('object.reason')}>{o.reason}</Fact>
      {Object.entries(o as unknown as Record<string, unknown>)
        .filter(([k, v]) => !shown.has(k) && v !== undefined && v !== null && v !== '' && v !== false)
        .map(([k, v]) => (
          <Fact key={`+${k}`} name={k}>
            <Mono value={typeof v === 'object' ? JSON.stringify(v) : String(v)} wrap />
          </Fact>
        ))}
      {Object.entries(o.byControl ?? {}).map(([c, n]) => (
        <Fact key={c} name={c}>
          {Number(n).toLocaleString(i18n.language)}
        </Fact>
      ))}
    </dl>
  )
}
