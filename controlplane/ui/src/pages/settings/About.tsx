import { Anchor, Code, List, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { setupQuery } from '../../api/queries'
import { useSession } from '../../app/session'
import { Fact } from '../../parts/Fact'
import { Logo } from '../../parts/Logo'
import { absolute } from '../../parts/When'
import { SectionHead } from './SectionHead'

export function About() {
  const { t, i18n } = useTranslation()
  const setup = useQuery(setupQuery).data
  const session = useSession()
  return (
    <section>
      <SectionHead title={t('settings.about.title')} />
      <Logo size={56} />
      <Text size="sm" my="sm" maw={560}>
        {t('settings.about.text')}
      </Text>
      <dl className="facts" style={{ maxWidth: 560 }}>
        <Fact name={t('settings.about.version')}>
          <Code>{setup?.version ?? '–'}</Code>
        </Fact>
        <Fact name={t('settings.about.tenant')}>{session?.tenant}</Fact>
        <Fact name={t('settings.about.session')}>{session?.expiresAt && absolute(session.expiresAt, i18n.language)}</Fact>
      </dl>
      <List size="sm" mt="md">
        <List.Item>
          <Anchor href="/docs" target="_blank" rel="noreferrer">
            {t('settings.about.docs')}
          </Anchor>
        </List.Item>
        <List.Item>
          <Anchor href="/openapi.json" target="_blank" rel="noreferrer">
            OpenAPI 3.1
          </Anchor>
        </List.Item>
        <List.Item>
          <Anchor href="/api/v1/schemas/runtimepolicy.json" target="_blank" rel="noreferrer">
            {t('settings.about.schema')}
          </Anchor>
        </List.Item>
      </List>
    </section>
  )
}
