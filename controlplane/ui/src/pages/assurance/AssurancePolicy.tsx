import { useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useEffect, useState, type ComponentProps } from 'react'
import { useTranslation } from 'react-i18next'
import { policyQuery } from '../../api/queries'
import { PageHeader } from '../../parts/PageHeader'
import { Loading, ProblemAlert } from '../../parts/states'
import { assuranceTemplate, set } from '../policies/document'
import { assuranceKind, KindContext } from '../policies/kind'
import { PolicyWorkspace } from '../policies/PolicyWorkspace'
import { Simulate } from './Simulate'
import { Tests, type TypedTests } from './Tests'

const one = getRouteApi('/shell/assurance/$policy')
const fresh = getRouteApi('/shell/assurance/-/new')

// What was typed as tests of a policy that did not exist goes with it when it does.
const handed = (name: string) => ['assurance-tests-typed', name]

type WorkspaceProps = Omit<ComponentProps<typeof PolicyWorkspace>, 'panel' | 'unsaved' | 'onCreated'>

// Workspace keeps what is typed as tests while other tabs are looked at.
function Workspace(props: WorkspaceProps) {
  const client = useQueryClient()
  const [typed, setTyped] = useState(() => client.getQueryData<TypedTests>(handed(props.name ?? '')))
  useEffect(() => client.removeQueries({ queryKey: handed(props.name ?? '') }), [client, props.name])
  return (
    <KindContext value={assuranceKind}>
      <PolicyWorkspace
        {...props}
        unsaved={typed !== undefined}
        onCreated={(name) => typed && client.setQueryData(handed(name), typed)}
        panel={(tab, text) => (tab === 'simulate' ? <Simulate text={text} /> : <Tests text={text} policy={props.name} typed={typed} onTyped={setTyped} />)}
      />
    </KindContext>
  )
}

export function AssurancePolicyPage() {
  const { t } = useTranslation()
  const { policy: name } = one.useParams()
  const search = one.useSearch()
  const navigate = one.useNavigate()
  const query = useQuery(policyQuery(name, assuranceKind))
  if (query.data) {
    return <Workspace key={name} name={name} loaded={query.data} search={search} onSearch={(s) => void navigate({ search: s, replace: true })} />
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
  return <Workspace start={start} search={search} onSearch={(s) => void navigate({ search: s, replace: true })} />
}
