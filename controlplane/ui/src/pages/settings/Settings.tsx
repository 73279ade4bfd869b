import { NavLink, Paper } from '@mantine/core'
import { IconBan, IconInfoCircle, IconKey, IconLock, IconSun, IconUsers } from '@tabler/icons-react'
import { getRouteApi, Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { may, useSession } from '../../app/session'
import { PageHeader } from '../../parts/PageHeader'
import { About } from './About'
import { Account } from './Account'
import { Images } from './Images'
import { Preferences } from './Preferences'
import { Tokens } from './Tokens'
import { Users } from './Users'

const route = getRouteApi('/shell/settings/$section')

const sections = [
  { id: 'tokens', icon: IconKey, needs: 'tokens', page: Tokens },
  { id: 'users', icon: IconUsers, needs: 'users', page: Users },
  { id: 'images', icon: IconBan, needs: 'enforcers', page: Images },
  { id: 'account', icon: IconLock, needs: undefined, page: Account },
  { id: 'preferences', icon: IconSun, needs: undefined, page: Preferences },
  { id: 'about', icon: IconInfoCircle, needs: undefined, page: About },
] as const

export function SettingsPage() {
  const { t } = useTranslation()
  const session = useSession()
  const { section } = route.useParams()
  const visible = sections.filter((s) => !s.needs || may(session, s.needs, 'read'))
  const current = visible.find((s) => s.id === section) ?? visible[0]
  return (
    <>
      <PageHeader title={t('nav.settings')} />
      <div className="settings">
        <Paper component="nav" p={4} aria-label={t('nav.settings')}>
          {visible.map((s) => (
            <NavLink
              key={s.id}
              component={Link}
              to={`/settings/${s.id}`}
              className="nav-link"
              leftSection={<s.icon size={16} stroke={1.6} />}
              label={t(`settings.${s.id}.title`)}
              active={s === current}
            />
          ))}
        </Paper>
        <div>{current && <current.page />}</div>
      </div>
    </>
  )
}
