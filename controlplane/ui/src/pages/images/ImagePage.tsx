import { Group, Tabs } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { artifactQuery, contentsQuery, type Contents } from '../../api/inventory'
import { imageTabs, narrow, type ImageSearch } from '../../app/search'
import { PageHeader } from '../../parts/PageHeader'
import { Downloads, IntegrityBadge, ResultBadge } from '../../parts/risk'
import { Loading, ProblemAlert } from '../../parts/states'
import { Findings, LayerTable, Licences } from './Contents'
import { Fixes } from './Fixes'
import { FoundTable } from './FoundTable'
import { History } from './History'
import { Overview } from './Overview'
import { Packages } from './Packages'

const route = getRouteApi('/shell/images/$id')

const formats = [
  { format: 'json', label: 'JSON' }, { format: 'cyclonedx', label: 'SBOM (CycloneDX)' }, { format: 'spdx-json', label: 'SBOM (SPDX)' }, { format: 'openvex', label: 'OpenVEX' },
  { format: 'sarif', label: 'SARIF' }, { format: 'csv', label: 'CSV' }, { format: 'html', label: 'HTML' }, { format: 'pdf', label: 'PDF' },
]

export function ImagePage() {
  const { t, i18n } = useTranslation()
  const { id } = route.useParams()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const set = (part: Partial<ImageSearch>) => void navigate({ search: (s) => narrow(s, part), replace: true })
  const query = useQuery(artifactQuery(id))
  const contents = useQuery(contentsQuery(id))
  const a = query.data
  const c = contents.data
  const count = (n?: number) => (n ? ` ${n.toLocaleString(i18n.language)}` : '')
  const total = a ? Object.entries(a.vulnerabilities).reduce((n, [k, v]) => (k === 'fixable' ? n : n + v), 0) : 0
  const numbers: Partial<Record<(typeof imageTabs)[number], number | undefined>> = {
    vulnerabilities: total, packages: a?.packages, layers: c?.totals.layers, secrets: a?.secrets, malware: a?.malware, licences: c?.licences.length, misconfiguration: a?.misconfigurations, history: a?.scans.length,
  }
  const withContents = (f: (c: Contents) => React.ReactNode) => (c ? f(c) : contents.error ? <ProblemAlert error={contents.error} onRetry={() => void contents.refetch()} /> : <Loading rows={8} />)
  return (
    <>
      <PageHeader
        title={a?.name ?? t('inventory.image')}
        back={{ to: '/images', label: t('nav.images') }}
        badge={a && <Group gap={4}><ResultBadge result={a.result} /><IntegrityBadge integrity={a.integrity} always /></Group>}
        actions={a && <Downloads path={`/artifacts/${encodeURIComponent(id)}/report`} formats={formats} />}
      />
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} mb="md" />
      {query.isPending && <Loading rows={10} />}
      {a && (
        <Tabs value={search.tab ?? 'overview'} onChange={(v) => set({ tab: v === 'overview' ? undefined : (v as ImageSearch['tab']), finding: undefined, package: undefined })}>
          <Tabs.List mb="md">
            {imageTabs.map((tab) => (
              <Tabs.Tab key={tab} value={tab}>
                {t(`inventory.tabs.${tab}`)}
                <span className="dim tabular">{count(numbers[tab])}</span>
              </Tabs.Tab>
            ))}
          </Tabs.List>
          <Tabs.Panel value="overview"><Overview artifact={a} contents={contents} /></Tabs.Panel>
          <Tabs.Panel value="fixes"><Fixes id={id} /></Tabs.Panel>
          <Tabs.Panel value="vulnerabilities">
            <FoundTable id={id} search={search} set={set} layers={c?.layers} suppressed={c?.suppressed} />
          </Tabs.Panel>
          <Tabs.Panel value="layers">{withContents((c) => <LayerTable layers={c.layers} onLayer={(layer) => set({ tab: 'vulnerabilities', layer })} />)}</Tabs.Panel>
          <Tabs.Panel value="packages"><Packages id={id} q={search.q} type={search.type} inUse={search.inUse} set={set} /></Tabs.Panel>
          <Tabs.Panel value="secrets">{withContents((c) => <Findings what="secrets" rows={c.secrets.map((s) => ({ ...s, id: s.rule, text: s.title, detail: s.masked }))} total={c.totals.secrets} layers={c.layers} />)}</Tabs.Panel>
          <Tabs.Panel value="malware">{withContents((c) => <Findings what="malware" rows={c.malware.map((m) => ({ ...m, id: m.rule, text: `${m.engine} · ${m.source}`, detail: m.sha256 }))} total={c.totals.malware} layers={c.layers} />)}</Tabs.Panel>
          <Tabs.Panel value="licences">{withContents((c) => <Licences rows={c.licences} />)}</Tabs.Panel>
          <Tabs.Panel value="misconfiguration">
            {withContents((c) => <Findings what="misconfiguration" rows={c.misconfigurations.map((m) => ({ ...m, text: m.title, detail: m.message, advice: m.resolution }))} total={c.totals.misconfigurations} layers={c.layers} />)}
          </Tabs.Panel>
          <Tabs.Panel value="history"><History artifact={a} other={search.with} onOther={(other) => set({ with: other })} /></Tabs.Panel>
        </Tabs>
      )}
    </>
  )
}
