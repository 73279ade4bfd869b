import { QueryClient, infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { get, getAll, getVersioned, isProblem, post, setCSRF } from './client'
import type {
  APIToken, AuditEntry, ControlField, ControlInfo, Dashboard, EffectiveControl, Enforcer, FindingDetail, FindingPage, Group, JoinToken, LearnProposal,
  Page, PlatformTable, Policy, PolicyRevision, Profile, ProfileItem, ReputationList, RevokedImage, SecurityEvent, Session, Setup, User,
} from './types'

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      // What the server refused stays refused; what did not arrive may arrive.
      retry: (n, e) => n < 2 && isProblem(e) && (e.status === 0 || e.status >= 502),
    },
  },
})

export const setupQuery = queryOptions({
  queryKey: ['setup'],
  queryFn: () => get<Setup>('/setup'),
  staleTime: Infinity,
})

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async () => {
    try {
      const s = await get<Session>('/session', undefined, { quiet401: true })
      setCSRF(s.csrfToken)
      return s
    } catch (e) {
      if (isProblem(e, 401)) return null
      throw e
    }
  },
  staleTime: 60_000,
})

export const dashboardQuery = queryOptions({
  queryKey: ['dashboard'],
  queryFn: () => get<Dashboard>('/dashboard'),
  refetchInterval: 15_000,
})

export const groupsQuery = queryOptions({
  queryKey: ['groups'],
  queryFn: () => getAll<Group>('/groups'),
  refetchInterval: 10_000,
})

export const groupQuery = (name: string) =>
  queryOptions({
    queryKey: ['groups', name],
    queryFn: ({ signal }) => getVersioned<Group>(`/groups/${encodeURIComponent(name)}`, signal),
  })

export const joinTokensQuery = (group: string) =>
  queryOptions({
    queryKey: ['groups', group, 'join-tokens'],
    queryFn: () => getAll<JoinToken>(`/groups/${encodeURIComponent(group)}/join-tokens`),
  })

export const effectiveQuery = (group: string) =>
  queryOptions({
    queryKey: ['groups', group, 'effective'],
    queryFn: () =>
      get<Page<EffectiveControl> | EffectiveControl[]>(`/groups/${encodeURIComponent(group)}/effective`).then(
        (v) => (Array.isArray(v) ? v : (v.items ?? [])),
      ),
  })

export interface EnforcerFilter {
  group?: string
  state?: string
  q?: string
}

export const enforcersQuery = (f: EnforcerFilter, refetchMs = 10_000) =>
  queryOptions({
    queryKey: ['enforcers', f],
    queryFn: () => get<Page<Enforcer>>('/enforcers', { ...f, limit: 200 }),
    refetchInterval: refetchMs,
  })

// The list of enforcers may be long: it is read page by page.
export const enforcerListQuery = (f: EnforcerFilter) =>
  infiniteQueryOptions({
    queryKey: ['enforcers', 'list', f],
    queryFn: ({ pageParam }) => get<Page<Enforcer>>('/enforcers', { ...f, cursor: pageParam, limit: 100 }),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor || undefined,
    refetchInterval: 10_000,
  })

export const enforcerQuery = (id: string) =>
  queryOptions({
    queryKey: ['enforcers', 'one', id],
    queryFn: () => get<Enforcer>(`/enforcers/${encodeURIComponent(id)}`),
    refetchInterval: 10_000,
  })

export const policiesQuery = queryOptions({
  queryKey: ['policies'],
  queryFn: () => getAll<Policy>('/policies'),
})

// Both kinds of policies come in the same shapes (pages/policies/kind.ts).
interface Kind {
  id: string
  api: string
}

export const policiesOfQuery = (kind: Kind) => queryOptions({ queryKey: [kind.id], queryFn: () => getAll<Policy>(kind.api) })

export const policyQuery = (name: string, kind: Kind = { id: 'policies', api: '/policies' }) =>
  queryOptions({
    queryKey: [kind.id, name],
    queryFn: ({ signal }) => getVersioned<Policy>(`${kind.api}/${encodeURIComponent(name)}`, signal),
    refetchOnWindowFocus: false, // the editor holds what was changed
  })

export const listsQuery = queryOptions({
  queryKey: ['lists'],
  queryFn: () => getAll<ReputationList>('/reputation-lists'),
})

export const listQuery = (name: string) =>
  queryOptions({
    queryKey: ['lists', name],
    queryFn: ({ signal }) => getVersioned<ReputationList>(`/reputation-lists/${encodeURIComponent(name)}`, signal),
    refetchOnWindowFocus: false, // the form holds what was changed
    gcTime: 0, // a list may be large
  })

export const revokedImagesQuery = queryOptions({
  queryKey: ['revoked-images'],
  queryFn: () => getAll<RevokedImage>('/revoked-images'),
})

export const revisionsQuery = (name: string, kind: Kind) =>
  queryOptions({
    queryKey: [kind.id, name, 'revisions'],
    queryFn: () => getAll<PolicyRevision>(`${kind.api}/${encodeURIComponent(name)}/revisions`),
  })

export const controlsQuery = queryOptions({
  queryKey: ['controls'],
  queryFn: () =>
    get<Page<ControlInfo> | ControlInfo[]>('/controls').then((v) => (Array.isArray(v) ? v : (v.items ?? []))),
  staleTime: Infinity,
})

// The keys of an exception, as the same answer describes them.
export const exceptionFieldsQuery = queryOptions({
  queryKey: ['controls', 'exceptions'],
  queryFn: () => get<{ exceptions?: ControlField[] }>('/controls').then((v) => v.exceptions ?? []),
  staleTime: Infinity,
})

export const platformsQuery = queryOptions({
  queryKey: ['platforms'],
  queryFn: () => get<PlatformTable>('/platforms'),
  staleTime: Infinity,
})

export interface EventFilter {
  from?: string
  to?: string
  control?: string
  verdict?: string
  kind?: string
  group?: string
  enforcer?: string
  image?: string
  finding?: string
  q?: string
}

export const eventsQuery = (f: EventFilter) =>
  infiniteQueryOptions({
    queryKey: ['events', f],
    queryFn: ({ pageParam }) => get<Page<SecurityEvent>>('/events', { ...f, cursor: pageParam, limit: 100 }),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor || undefined,
    staleTime: 5_000,
  })

export const eventQuery = (id: string) =>
  queryOptions({
    queryKey: ['events', 'one', id],
    queryFn: () => get<SecurityEvent>(`/events/${encodeURIComponent(id)}`),
    staleTime: Infinity,
  })

export interface AuditFilter {
  actor?: string
  action?: string
  objectKind?: string
  q?: string
}

export const auditQuery = (f: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: ['audit', f],
    queryFn: ({ pageParam }) => get<Page<AuditEntry>>('/audit', { ...f, cursor: pageParam, limit: 100 }),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor || undefined,
  })

export const tokensQuery = queryOptions({
  queryKey: ['tokens'],
  queryFn: () => getAll<APIToken>('/tokens'),
})

export const usersQuery = queryOptions({
  queryKey: ['users'],
  queryFn: () => getAll<User>('/users'),
})

export interface FindingFilter {
  state?: string
  control?: string
  group?: string
  q?: string
}

export const findingsQuery = (f: FindingFilter) =>
  infiniteQueryOptions({
    queryKey: ['findings', f],
    queryFn: ({ pageParam }) => get<FindingPage>('/findings', { ...f, cursor: pageParam, limit: 100 }),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor || undefined,
    refetchInterval: 15_000,
  })

export const findingQuery = (id: string) =>
  queryOptions({
    queryKey: ['findings', 'one', id],
    queryFn: ({ signal }) => getVersioned<FindingDetail>(`/findings/${encodeURIComponent(id)}`, signal),
  })

export const profilesQuery = (group: string) =>
  queryOptions({
    queryKey: ['profiles', group],
    queryFn: () => getAll<Profile>(`/groups/${encodeURIComponent(group)}/profiles`),
    refetchInterval: 10_000,
  })

export const profileItemsQuery = (group: string, workload: string, kind: string) =>
  infiniteQueryOptions({
    queryKey: ['profiles', group, workload, kind],
    queryFn: ({ pageParam }) =>
      get<Page<ProfileItem>>(`/groups/${encodeURIComponent(group)}/profiles/items`, { workload, kind, cursor: pageParam, limit: 200 }),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor || undefined,
  })

// A proposal is made once for a visit of the editor: it must not change under
// the person's hands.
export const proposalQuery = (group: string) =>
  queryOptions({
    queryKey: ['proposal', group],
    queryFn: () => post<LearnProposal>(`/groups/${encodeURIComponent(group)}/learn`),
    staleTime: Infinity,
    gcTime: 0,
    refetchOnWindowFocus: false,
  })
