import { MantineProvider } from '@mantine/core'
import { Notifications } from '@mantine/notifications'
import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { onSessionEnd } from '../api/client'
import { queryClient, sessionQuery } from '../api/queries'
import { nonce } from './nonce'
import { colorSchemeManager } from './preferences'
import { router } from './router'
import { theme } from './theme'

const schemes = colorSchemeManager()

// A session that ended while a page was open leads to the login page and back.
onSessionEnd(() => {
  if (router.state.location.pathname === '/login' || queryClient.getQueryData(sessionQuery.queryKey) === null) return
  queryClient.setQueryData(sessionQuery.queryKey, null)
  void router.navigate({ to: '/login', search: { return: router.state.location.href, ended: true } })
})

export function App() {
  return (
    <MantineProvider
      theme={theme}
      colorSchemeManager={schemes}
      defaultColorScheme="auto"
      getStyleNonce={nonce ? () => nonce : undefined}
    >
      <Notifications position="bottom-left" limit={4} />
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  )
}
