import { useMantineColorScheme } from '@mantine/core'
import { Spotlight, type SpotlightActionData, type SpotlightActionGroupData } from '@mantine/spotlight'
import { IconLanguage, IconPlus, IconSearch, IconShieldCheck, IconShieldCog, IconSunMoon } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { groupsQuery, policiesQuery } from '../api/queries'
import { setLanguage } from '../i18n'
import { languageName, schemes } from '../parts/Choices'
import { pages } from './nav'
import { languages } from './preferences'
import { may, useSession } from './session'

// Palette: every page, group and policy, and the common actions, by name.
export function Palette() {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const session = useSession()
  const { setColorScheme } = useMantineColorScheme()
  const [opened, setOpened] = useState(false)
  const [query, setQuery] = useState('')
  // The palette may have been opened before it was loaded, and not say so.
  const wanted = opened || query !== ''
  const groups = useQuery({ ...groupsQuery, enabled: wanted && may(session, 'groups', 'read'), refetchInterval: false })
  const policies = useQuery({ ...policiesQuery, enabled: wanted && may(session, 'policies', 'read') })

  const actions: SpotlightActionData[] = []
  if (may(session, 'groups', 'write')) {
    actions.push({ id: 'add-group', label: t('enforcers.add'), leftSection: <IconPlus size={17} />, onClick: () => void navigate({ to: '/enforcers', search: { add: true } }) })
  }
  if (may(session, 'policies', 'write')) {
    actions.push({ id: 'add-policy', label: t('policies.add'), leftSection: <IconPlus size={17} />, onClick: () => void navigate({ to: '/policies/-/new' }) })
  }
  for (const s of schemes) {
    actions.push({ id: `scheme-${s}`, label: `${t('settings.preferences.theme')}: ${t(`settings.preferences.scheme.${s}`)}`, leftSection: <IconSunMoon size={17} />, onClick: () => setColorScheme(s) })
  }
  for (const l of languages) {
    actions.push({ id: `language-${l}`, label: `${t('settings.preferences.language')}: ${languageName[l]}`, leftSection: <IconLanguage size={17} />, onClick: () => void setLanguage(l) })
  }

  const data: SpotlightActionGroupData[] = [
    {
      group: t('palette.pages'),
      actions: pages
        .filter((p) => !p.needs || may(session, p.needs, 'read'))
        .map((p) => ({ id: p.id, label: t(`nav.${p.id}`), leftSection: <p.icon size={17} />, onClick: () => void navigate({ to: p.to }) })),
    },
    {
      group: t('nav.enforcers'),
      actions: (groups.data?.items ?? []).map((g) => ({
        id: `group-${g.name}`, label: g.name, description: g.description, leftSection: <IconShieldCheck size={17} />,
        onClick: () => void navigate({ to: '/enforcers/groups/$group', params: { group: g.name } }),
      })),
    },
    {
      group: t('nav.policies'),
      actions: (policies.data?.items ?? []).map((p) => ({
        id: `policy-${p.name}`, label: p.name, leftSection: <IconShieldCog size={17} />,
        onClick: () => void navigate({ to: '/policies/$policy', params: { policy: p.name } }),
      })),
    },
    { group: t('palette.actions'), actions },
  ]
  if (query.trim() !== '' && may(session, 'events', 'read')) {
    data.push({
      group: t('nav.events'),
      actions: [{
        id: 'search-events', label: t('palette.searchEvents', { query }), keywords: query, leftSection: <IconSearch size={17} />,
        onClick: () => void navigate({ to: '/events', search: { q: query } }),
      }],
    })
  }
  return (
    <Spotlight
      actions={data.filter((g) => g.actions.length > 0)}
      shortcut={null}
      query={query}
      onQueryChange={setQuery}
      onSpotlightOpen={() => setOpened(true)}
      nothingFound={t('palette.nothing')}
      highlightQuery
      scrollable
      maxHeight={420}
      searchProps={{ leftSection: <IconSearch size={18} />, placeholder: t('palette.placeholder'), 'aria-label': t('palette.placeholder') }}
    />
  )
}
