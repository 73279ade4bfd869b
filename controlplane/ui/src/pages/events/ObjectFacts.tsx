import { useTranslation } from 'react-i18next'
import type { SecurityEvent } from '../../api/types'
import { Fact } from '../../parts/Fact'
import { Digest, Mono } from '../../parts/Mono'
import { useControlText } from '../../parts/control'
import { endpoint, operations } from './what'

// shown are the fields that have a line of their own; whatever else a newer
// server sends is shown by its name.
const shown = new Set([
  'type', 'path', 'requested', 'digest', 'expectedDigest', 'origin', 'fileless', 'interpreter', 'name', 'queryType', 'server', 'target', 'tunnel',
  'address', 'port', 'protocol', 'direction', 'syscall', 'detail', 'count', 'first', 'last', 'cause', 'reason', 'byControl', 'dev', 'ino', 'mode',
  'domain', 'socketType', 'socketProtocol', 'operation', 'otherPath', 'digestBefore', 'digestAfter', 'localAddress', 'localPort',
])

const origins = ['image', 'modified', 'drifted', 'moved', 'unknown'] as const

export function ObjectFacts({ event: e }: { event: SecurityEvent }) {
  const { t, i18n } = useTranslation()
  const control = useControlText()
  const o = e.object
  const attributes = Object.entries(e.attributes ?? {}).map(([k, v]) => (
    <Fact key={`.${k}`} name={t(`attribute.${k as 'peer'}`, { defaultValue: k })}>
      {k === 'named' || k === 'peer' ? <Mono value={v} wrap copy /> : v === 'true' ? t('common.yes') : v}
    </Fact>
  ))
  if (!o) return <dl className="facts">{attributes}</dl>
  const origin = origins.find((x) => x === o.origin)
  return (
    <dl className="facts">
      <Fact name={t('object.path')}>{o.path && <Mono value={o.path} wrap copy />}</Fact>
      <Fact name={t('object.requested')}>{o.requested && o.requested !== o.path && <Mono value={o.requested} wrap />}</Fact>
      <Fact name={t('object.operation')}>{o.operation && operations(o.operation, t)}</Fact>
      <Fact name={o.operation === 'mount' ? t('object.mounted') : t('object.otherPath')}>{o.otherPath && <Mono value={o.otherPath} wrap copy />}</Fact>
      <Fact name={t('object.digestBefore')}>{o.digestBefore && <Digest value={o.digestBefore} />}</Fact>
      <Fact name={t('object.digestAfter')}>{o.digestAfter && <Digest value={o.digestAfter} />}</Fact>
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
      <Fact name={o.type === 'dns' ? t('object.answer') : o.direction === 'inbound' ? t('object.peer') : t('object.address')}>{o.address && <Mono value={endpoint(o.address, o.port)} wrap copy />}</Fact>
      <Fact name={t('object.local')}>{o.localAddress && <Mono value={endpoint(o.localAddress, o.localPort)} wrap copy />}</Fact>
      <Fact name={t('object.socket')}>{e.kind === 'socket' && t('object.socketText', { domain: o.domain ?? 0, type: o.socketType ?? 0, protocol: o.socketProtocol ?? 0 })}</Fact>
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
        <Fact key={c} name={control.title(c)}>
          {Number(n).toLocaleString(i18n.language)}
        </Fact>
      ))}
      {attributes}
    </dl>
  )
}
