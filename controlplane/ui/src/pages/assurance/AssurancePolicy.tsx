import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { policyQuery } from '../../api/queries'
import { PageHeader } from '../../parts/PageHeader'
import { Loading, ProblemAlert } from '../../parts/states'
import { assuranceTemplate, set } from '../policies/document'
import { assuranceKind, KindContext } from '../policies/kind'
import { PolicyWorkspace } from '../policies/PolicyWorkspace'
import { Simulate } from './Simulate'
import { Tests } from './Tests'

const one = getRouteApi('/shell/assurance/$policy')
const fresh = getRouteApi('/shell/assurance/-/new')

const panel = (tab: 'simulate' | 'tests', text: string) => (tab === 'simulate' ? <Simulate text={text} /> : <Tests text={text} />)

export function AssurancePolicyPage() {
  const { t } = useTranslation()
  const { policy: name } = one.useParams()
  const search = one.useSearch()
  const navigate = one.useNavigate()
  const query = useQuery(policyQuery(name, assuranceKind))
  if (query.data) {
    return (
      <KindContext value={assuranceKind}>
        <PolicyWorkspace key={name} name={name} loaded={query.data} search={search} onSearch={(s) => void navigate({ search: s, replace: true })} panel={panel} />
      </KindContext>
    )
  }
  return (
    <>
      <PageHeader title={name} back={{ to: '/assurance', label: t('nav.assurance') }} />
      {query.error ? <ProblemAlert error={query.error} onRetry={() => void query.refetch()} /> : <Loading rows={10} />}
    </>
  )
}

// NewAssurancePage starts from a small policy, or from a copy of another one.
export function NewAssurancePage() {
  const search = fresh.useSearch()
  const navigate = fresh.useNavigate()
  const from = useQuery({ ...policyQuery(search.from ?? '', assuranceKind), enabled: search.from !== undefined })
  if (search.from && !from.data) return from.error ? <ProblemAlert error={from.error} /> : <Loading rows={10} />
  const start = search.from ? set(from.data?.value.yaml ?? '', ['metadata', 'name'], `${search.from}-copy`) : assuranceTemplate('my-policy')
  return (
    <KindContext value={assuranceKind}>
      <PolicyWorkspace start={start} search={search} onSearch={(s) => void navigate({ search: s, replace: true })} panel={panel} />
    </KindContext>
  )
}
