import {
  createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet, redirect,
} from '@tanstack/react-router'
import { queryClient, sessionQuery, setupQuery } from '../api/queries'
import { NotFound, RouteError, RoutePending } from './RouteStates'
import { Shell } from './Shell'
import {
  addImagesSearch, agentSearch, auditSearch, ciScansSearch, enforcersSearch, eventsSearch, exceptionsSearch, findingsSearch, groupSearch,
  imageSearch, imagesSearch, loginSearch, policiesSearch, policySearch, scansSearch, vulnerabilitiesSearch,
} from './search'

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFound })

const firstRun = createRoute({
  getParentRoute: () => root,
  path: '/first-run',
  beforeLoad: async () => {
    const s = await queryClient.ensureQueryData(setupQuery)
    if (!s.needed) throw redirect({ to: '/' })
  },
  component: lazyRouteComponent(() => import('../pages/entry/FirstRun'), 'FirstRun'),
})

const login = createRoute({
  getParentRoute: () => root,
  path: '/login',
  validateSearch: loginSearch,
  beforeLoad: async () => {
    const s = await queryClient.ensureQueryData(setupQuery)
    if (s.needed) throw redirect({ to: '/first-run' })
  },
  component: lazyRouteComponent(() => import('../pages/entry/Login'), 'Login'),
})

const shell = createRoute({
  getParentRoute: () => root,
  id: 'shell',
  beforeLoad: async ({ location }) => {
    const session = await queryClient.ensureQueryData(sessionQuery)
    if (session) return
    const setup = await queryClient.ensureQueryData(setupQuery)
    if (setup.needed) throw redirect({ to: '/first-run' })
    throw redirect({ to: '/login', search: location.href === '/' ? {} : { return: location.href } })
  },
  component: Shell,
})

const dashboard = createRoute({
  getParentRoute: () => shell,
  path: '/',
  component: lazyRouteComponent(() => import('../pages/dashboard/Dashboard'), 'DashboardPage'),
})

const enforcers = createRoute({
  getParentRoute: () => shell,
  path: '/enforcers',
  validateSearch: enforcersSearch,
  component: lazyRouteComponent(() => import('../pages/enforcers/Enforcers'), 'EnforcersPage'),
})

const group = createRoute({
  getParentRoute: () => shell,
  path: '/enforcers/groups/$group',
  validateSearch: groupSearch,
  component: lazyRouteComponent(() => import('../pages/enforcers/GroupPage'), 'GroupPage'),
})

const enforcer = createRoute({
  getParentRoute: () => shell,
  path: '/enforcers/agents/$id',
  validateSearch: agentSearch,
  component: lazyRouteComponent(() => import('../pages/enforcers/EnforcerPage'), 'EnforcerPage'),
})

const policies = createRoute({
  getParentRoute: () => shell,
  path: '/policies',
  validateSearch: policiesSearch,
  component: lazyRouteComponent(() => import('../pages/policies/Policies'), 'PoliciesPage'),
})

const policyNew = createRoute({
  getParentRoute: () => shell,
  path: '/policies/-/new',
  validateSearch: policySearch,
  component: lazyRouteComponent(() => import('../pages/policies/PolicyPage'), 'NewPolicyPage'),
})

const policy = createRoute({
  getParentRoute: () => shell,
  path: '/policies/$policy',
  validateSearch: policySearch,
  component: lazyRouteComponent(() => import('../pages/policies/PolicyPage'), 'PolicyPage'),
})

const events = createRoute({
  getParentRoute: () => shell,
  path: '/events',
  validateSearch: eventsSearch,
  component: lazyRouteComponent(() => import('../pages/events/Events'), 'EventsPage'),
})

const event = createRoute({
  getParentRoute: () => shell,
  path: '/events/$id',
  component: lazyRouteComponent(() => import('../pages/events/EventPage'), 'EventPage'),
})

const images = createRoute({
  getParentRoute: () => shell,
  path: '/images',
  validateSearch: imagesSearch,
  component: lazyRouteComponent(() => import('../pages/images/Images'), 'ImagesPage'),
})

const image = createRoute({
  getParentRoute: () => shell,
  path: '/images/$id',
  validateSearch: imageSearch,
  component: lazyRouteComponent(() => import('../pages/images/ImagePage'), 'ImagePage'),
})

const vulnerabilities = createRoute({
  getParentRoute: () => shell,
  path: '/vulnerabilities',
  validateSearch: vulnerabilitiesSearch,
  component: lazyRouteComponent(() => import('../pages/vulnerabilities/Vulnerabilities'), 'VulnerabilitiesPage'),
})

const vulnerability = createRoute({
  getParentRoute: () => shell,
  path: '/vulnerabilities/$id',
  component: lazyRouteComponent(() => import('../pages/vulnerabilities/VulnerabilityPage'), 'VulnerabilityPage'),
})

const ciScans = createRoute({
  getParentRoute: () => shell,
  path: '/ci-scans',
  validateSearch: ciScansSearch,
  component: lazyRouteComponent(() => import('../pages/ciscans/CIScans'), 'CIScansPage'),
})

const lists = createRoute({
  getParentRoute: () => shell,
  path: '/lists',
  component: lazyRouteComponent(() => import('../pages/lists/Lists'), 'ListsPage'),
})

const registries = createRoute({
  getParentRoute: () => shell,
  path: '/registries',
  component: lazyRouteComponent(() => import('../pages/registries/Registries'), 'RegistriesPage'),
})

const addImages = createRoute({
  getParentRoute: () => shell,
  path: '/add-images',
  validateSearch: addImagesSearch,
  component: lazyRouteComponent(() => import('../pages/registries/AddImages'), 'AddImagesPage'),
})

const scans = createRoute({
  getParentRoute: () => shell,
  path: '/scans',
  validateSearch: scansSearch,
  component: lazyRouteComponent(() => import('../pages/scans/Scans'), 'ScansPage'),
})

const exceptions = createRoute({
  getParentRoute: () => shell,
  path: '/exceptions',
  validateSearch: exceptionsSearch,
  component: lazyRouteComponent(() => import('../pages/exceptions/Exceptions'), 'ExceptionsPage'),
})

const assurance = createRoute({
  getParentRoute: () => shell,
  path: '/assurance',
  validateSearch: policiesSearch,
  component: lazyRouteComponent(() => import('../pages/assurance/Assurance'), 'AssurancePage'),
})

const assuranceNew = createRoute({
  getParentRoute: () => shell,
  path: '/assurance/-/new',
  validateSearch: policySearch,
  component: lazyRouteComponent(() => import('../pages/assurance/AssurancePolicy'), 'NewAssurancePage'),
})

const assurancePolicy = createRoute({
  getParentRoute: () => shell,
  path: '/assurance/$policy',
  validateSearch: policySearch,
  component: lazyRouteComponent(() => import('../pages/assurance/AssurancePolicy'), 'AssurancePolicyPage'),
})

const findings = createRoute({
  getParentRoute: () => shell,
  path: '/findings',
  validateSearch: findingsSearch,
  component: lazyRouteComponent(() => import('../pages/findings/Findings'), 'FindingsPage'),
})

const audit = createRoute({
  getParentRoute: () => shell,
  path: '/audit',
  validateSearch: auditSearch,
  component: lazyRouteComponent(() => import('../pages/audit/Audit'), 'AuditPage'),
})

const settings = createRoute({
  getParentRoute: () => shell,
  path: '/settings/$section',
  component: lazyRouteComponent(() => import('../pages/settings/Settings'), 'SettingsPage'),
})

const settingsHome = createRoute({
  getParentRoute: () => shell,
  path: '/settings',
  beforeLoad: () => {
    throw redirect({ to: '/settings/$section', params: { section: 'tokens' } })
  },
})

const database = createRoute({
  getParentRoute: () => shell,
  path: '/vulnerability-database',
  component: lazyRouteComponent(() => import('../pages/database/Database'), 'DatabasePage'),
})

export const router = createRouter({
  routeTree: root.addChildren([
    firstRun,
    login,
    shell.addChildren([
      dashboard, enforcers, group, enforcer, policies, policyNew, policy, lists, scans, exceptions, assurance, assuranceNew, assurancePolicy, findings, events, event, audit, settings, settingsHome,
      images, image, vulnerabilities, vulnerability, ciScans, database, registries, addImages,
    ]),
  ]),
  defaultPreload: 'intent',
  defaultPendingComponent: RoutePending,
  defaultErrorComponent: RouteError,
  scrollRestoration: true,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
