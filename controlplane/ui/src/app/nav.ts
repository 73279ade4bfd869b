import {
  IconActivity, IconBox, IconBug, IconBuildingWarehouse, IconCertificate, IconDatabase, IconGitBranch, IconHandStop, IconHistory, IconLayoutDashboard, IconListCheck,
  IconRadar2, IconSettings, IconShieldCheck, IconShieldCog, IconTargetArrow,
} from '@tabler/icons-react'

// The pages of the frame: their place, their key after "g", what one must be
// allowed to read to see them.
export const pages = [
  { id: 'dashboard', to: '/', key: 'd', icon: IconLayoutDashboard, needs: undefined },
  { id: 'enforcers', to: '/enforcers', key: 'n', icon: IconShieldCheck, needs: 'groups' },
  { id: 'policies', to: '/policies', key: 'p', icon: IconShieldCog, needs: 'policies' },
  { id: 'lists', to: '/lists', key: 'l', icon: IconListCheck, needs: 'policies' },
  { id: 'images', to: '/images', key: 'i', icon: IconBox, needs: 'inventory' },
  { id: 'vulnerabilities', to: '/vulnerabilities', key: 'v', icon: IconBug, needs: 'inventory' },
  { id: 'database', to: '/vulnerability-database', key: 'b', icon: IconDatabase, needs: 'inventory' },
  { id: 'ciScans', to: '/ci-scans', key: 'c', icon: IconGitBranch, needs: 'inventory' },
  { id: 'registries', to: '/registries', key: 'y', icon: IconBuildingWarehouse, needs: 'registries' },
  { id: 'scans', to: '/scans', key: 'q', icon: IconRadar2, needs: 'inventory' },
  { id: 'assurance', to: '/assurance', key: 'r', icon: IconCertificate, needs: 'policies' },
  { id: 'exceptions', to: '/exceptions', key: 'x', icon: IconHandStop, needs: 'policies' },
  { id: 'findings', to: '/findings', key: 'f', icon: IconTargetArrow, needs: 'findings' },
  { id: 'events', to: '/events', key: 'e', icon: IconActivity, needs: 'events' },
  { id: 'audit', to: '/audit', key: 'a', icon: IconHistory, needs: 'audit' },
  { id: 'settings', to: '/settings', key: 's', icon: IconSettings, needs: undefined },
] as const
