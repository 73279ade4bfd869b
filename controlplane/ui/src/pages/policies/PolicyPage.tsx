import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { policyQuery } from '../../api/queries'
import { PageHeader } from '../../parts/PageHeader'
import { Loading, ProblemAlert } from '../../parts/states'
import { ProposalPage } from '../learning/ProposalPage'
import { set, template } from './document'
import { PolicyWorkspace } from './PolicyWorkspace'

const one = getRouteApi('/shell/policies/$policy')
const fresh = getRouteApi('/shell/policies/-/new')

export function PolicyPage() {
  const { t } = useTranslation()
  const { policy: name } = one.useParams()
  const search = one.useSearch()
  const navigate = one.useNavigate()
  const query = useQuery(policyQuery(name))
  if (query.data) {
    return (
      <PolicyWorkspace key={name} name={name} loaded={query.data} search={search} onSearch={(s) => void navigate({ search: s, replace: true })} />
    )
  }
  return (
    <>
      <PageHeader title={name} back={{ to: '/policies', label: t('nav.policies') }} />
      {query.error ? <ProblemAlert error={query.error} onRetry={() => void query.refetch()} /> : <Loading rows={10} />}
    </>
  )
}

// NewPolicyPage starts from a small policy, or from a copy of another one.
export function NewPolicyPage() {
  const search = fresh.useSearch()
  const navigate = fresh.useNavigate()
  const from = useQuery({ ...policyQuery(search.from ?? ''), enabled: search.from !== undefined })
  if (search.learn) return <ProposalPage group={search.learn} search={search} onSearch={(s) => void navigate({ search: s, replace: true })} />
  if (search.from && !from.data) return from.error ? <ProblemAlert error={from.error} /> : <Loading rows={10} />
  const start = search.from ? set(from.data?.value.yaml ?? '', ['metadata', 'name'], `${search.from}-copy`) : template('my-policy')
  return <PolicyWorkspace start={start} search={search} onSearch={(s) => void navigate({ search: s, replace: true })} />
}
