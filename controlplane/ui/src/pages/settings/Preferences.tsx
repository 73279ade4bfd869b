import { Input, SegmentedControl, Stack, useMantineColorScheme, type MantineColorScheme } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { languages, type Language } from '../../app/preferences'
import { setLanguage } from '../../i18n'
import { languageName, schemes } from '../../parts/Choices'
import { SectionHead } from './SectionHead'

export function Preferences() {
  const { t, i18n } = useTranslation()
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  return (
    <section>
      <SectionHead title={t('settings.preferences.title')} lead={t('settings.preferences.lead')} />
      <Stack gap="lg">
        <Input.Wrapper label={t('settings.preferences.language')}>
          <div>
            <SegmentedControl value={i18n.language} onChange={(v) => void setLanguage(v as Language)} data={languages.map((l) => ({ value: l, label: languageName[l] }))} aria-label={t('settings.preferences.language')} />
          </div>
        </Input.Wrapper>
        <Input.Wrapper label={t('settings.preferences.theme')}>
          <div>
            <SegmentedControl
              value={colorScheme}
              onChange={(v) => setColorScheme(v as MantineColorScheme)}
              data={schemes.map((s) => ({ value: s, label: t(`settings.preferences.scheme.${s}`) }))}
              aria-label={t('settings.preferences.theme')}
            />
          </div>
        </Input.Wrapper>
      </Stack>
    </section>
  )
}
