import { ActionIcon, Menu, Tooltip, useMantineColorScheme, type MantineColorScheme } from '@mantine/core'
import { IconCheck, IconDeviceDesktop, IconLanguage, IconMoon, IconSun } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { languages, type Language } from '../app/preferences'
import { setLanguage } from '../i18n'

export const languageName: Record<Language, string> = { en: 'English', ja: '日本語' }
export const schemes: readonly MantineColorScheme[] = ['light', 'dark', 'auto']

export function LanguageMenu() {
  const { t, i18n } = useTranslation()
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Tooltip label={t('settings.preferences.language')}>
          <ActionIcon variant="subtle" color="gray" aria-label={t('settings.preferences.language')}>
            <IconLanguage size={18} />
          </ActionIcon>
        </Tooltip>
      </Menu.Target>
      <Menu.Dropdown>
        {languages.map((l) => (
          <Menu.Item key={l} lang={l} rightSection={i18n.language === l ? <IconCheck size={14} /> : null} onClick={() => void setLanguage(l)}>
            {languageName[l]}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}

export function SchemeMenu() {
  const { t } = useTranslation()
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const icon = { light: <IconSun size={18} />, dark: <IconMoon size={18} />, auto: <IconDeviceDesktop size={18} /> }
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Tooltip label={t('settings.preferences.theme')}>
          <ActionIcon variant="subtle" color="gray" aria-label={t('settings.preferences.theme')}>
            {icon[colorScheme]}
          </ActionIcon>
        </Tooltip>
      </Menu.Target>
      <Menu.Dropdown>
        {schemes.map((s) => (
          <Menu.Item key={s} leftSection={icon[s]} rightSection={colorScheme === s ? <IconCheck size={14} /> : null} onClick={() => setColorScheme(s)}>
            {t(`settings.preferences.scheme.${s}`)}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
