import { useQuery } from '@tanstack/react-query'
import { del, setCSRF } from '../api/client'
import { queryClient, sessionQuery } from '../api/queries'
import type { Session } from '../api/types'

export function useSession(): Session | null | undefined {
  return useQuery(sessionQuery).data
}

type Verb = 'read' | 'write' | 'request' | 'approve'

// may says whether the session holds a permission, e.g. ("policies", "write").
// It only decides what is shown: the server decides what is done.
export function may(session: Session | null | undefined, resource: string, verb: Verb): boolean {
  const held = session?.permissions ?? []
  return held.some((p) => p === '*' || p === `${resource}:${verb}` || p === `${resource}.${verb}` || p === `${resource}:*`)
}

export function useMay(resource: string, verb: Verb = 'write'): boolean {
  return may(useSession(), resource, verb)
}

// started puts a session that the server just opened in place.
export function started(s: Session) {
  queryClient.clear()
  setCSRF(s.csrfToken)
  queryClient.setQueryData(sessionQuery.queryKey, s)
}

export async function signOut() {
  await del('/session')
  setCSRF('')
  queryClient.clear()
  queryClient.setQueryData(sessionQuery.queryKey, null)
}
