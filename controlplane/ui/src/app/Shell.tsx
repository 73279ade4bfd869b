import { ActionIcon, AppShell, Burger, Button, Kbd, Menu, NavLink, ScrollArea, Tooltip } from '@mantine/core'
import { useDisclosure, useHotkeys } from '@mantine/hooks'
import { spotlight } from '@mantine/spotlight'
import { IconKeyboard, IconLogout, IconSearch, IconUser } from '@tabler/icons-react'
import { Link, Outlet, useNavigate, useRouterState } from '@tanstack/react-router'
import { lazy, Suspense, useCallback } from 'react'
import { useTranslation } from 'react-i18next'
import { LanguageMenu, SchemeMenu } from '../parts/Choices'
import { Logo } from '../parts/Logo'
import { pages } from './nav'
import { may, signOut, useSession } from './session'
import { useShortcuts } from './shortcuts'
import { ShortcutHelp } from './ShortcutHelp'

const Palette = lazy(() => import('./Palette').then((m) => ({ default: m.Palette })))

export function Shell() {
  const { t } = useTranslation()
  const session = useSession()
  const navigate = useNavigate()
  const path = useRouterState({ select: (s) => s.location.pathname })
  const [navOpen, nav] = useDisclosure(false)
  const [helpOpen, help] = useDisclosure(false)
  const visible = pages.filter((p) => !p.needs || may(session, p.needs, 'read'))

  const go = useCallback(
    (key: string) => {
      const page = pages.find((p) => p.key === key)
      if (page) void navigate({ to: page.to })
      return page !== undefined
    },
    [navigate],
  )
  useShortcuts({ go, help: help.open })
  // Here and not in the palette: it works before the palette is loaded.
  useHotkeys([['mod+K', spotlight.open]], [])

  const leave = async () => {
    await signOut().catch(() => undefined)
    await navigate({ to: '/login' })
  }

  return (
    <AppShell header={{ height: 52 }} navbar={{ width: 212, breakpoint: 'sm', collapsed: { mobile: !navOpen } }} padding="lg">
      <a className="skip" href="#main">
        {t('nav.skip')}
      </a>
      <AppShell.Header className="shell-header">
        <Burger opened={navOpen} onClick={nav.toggle} hiddenFrom="sm" size="sm" aria-label={t('nav.menu')} />
        <Link to="/" className="brand">
          <Logo />
          Limpet
        </Link>
        <div style={{ flex: 1 }} />
        <Button className="search-button" visibleFrom="sm" variant="default" size="xs" leftSection={<IconSearch size={14} />} onClick={spotlight.open}>
          <span>{t('palette.open')}</span>
          <Kbd size="xs">{/Mac|iPhone/.test(navigator.userAgent) ? '⌘K' : 'Ctrl K'}</Kbd>
        </Button>
        <Tooltip label={t('shortcuts.title')}>
          <ActionIcon variant="subtle" color="gray" onClick={help.open} aria-label={t('shortcuts.title')} visibleFrom="sm">
            <IconKeyboard size={18} />
          </ActionIcon>
        </Tooltip>
        <LanguageMenu />
        <SchemeMenu />
        <Menu position="bottom-end" width={220}>
          <Menu.Target>
            <Button variant="subtle" color="gray" size="xs" leftSection={<IconUser size={16} />} aria-label={t('nav.account')}>
              <span className="account-name">{session?.user.username}</span>
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Label>
              {session?.user.roles.map((r) => t(`roles.${r as 'administrator'}`, { defaultValue: r })).join(', ')}
            </Menu.Label>
            <Menu.Item onClick={() => void navigate({ to: '/settings/$section', params: { section: 'account' } })}>
              {t('settings.account.title')}
            </Menu.Item>
            <Menu.Item leftSection={<IconLogout size={15} />} onClick={() => void leave()}>
              {t('nav.signOut')}
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label={t('nav.label')}>
        <AppShell.Section grow component={ScrollArea}>
          {visible.map((p) => {
            const active = p.to === '/' ? path === '/' : path.startsWith(p.to)
            return (
              <NavLink
                key={p.id}
                component={Link}
                to={p.to}
                className="nav-link"
                label={t(`nav.${p.id}`)}
                leftSection={<p.icon size={18} stroke={1.6} />}
                active={active}
                aria-current={active ? 'page' : undefined}
                onClick={nav.close}
              />
            )
          })}
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1}>
        <Outlet />
      </AppShell.Main>
      <Suspense>
        <Palette />
      </Suspense>
      <ShortcutHelp opened={helpOpen} onClose={help.close} />
    </AppShell>
  )
}
