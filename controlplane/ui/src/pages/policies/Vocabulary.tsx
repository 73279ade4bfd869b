import { Accordion, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useWords } from '../../parts/words'
import { useCatalogue } from './kind'

// Vocabulary says what the expressions of a control can speak of.
export function Vocabulary({ control }: { control: string }) {
  const { t } = useTranslation()
  const words = useWords()
  const list = useCatalogue().vocabulary?.filter((w) => w.in.includes(control)) ?? []
  if (list.length === 0) return null
  return (
    <Accordion variant="contained" chevronPosition="left" mt="sm">
      <Accordion.Item value="words">
        <Accordion.Control>
          <Text size="xs" fw={600}>
            {t('assurance.vocabulary')}
          </Text>
        </Accordion.Control>
        <Accordion.Panel>
          <Text size="xs" c="dimmed" mb="xs">
            {t('assurance.vocabularyHelp')}
          </Text>
          <dl className="facts">
            {list.map((w) => (
              <Word key={w.name} name={w.name} about={words(w.about)} keys={w.keys ?? []} />
            ))}
          </dl>
        </Accordion.Panel>
      </Accordion.Item>
    </Accordion>
  )
}

function Word({ name, about, keys }: { name: string; about: { text: string; lang?: string }; keys: string[] }) {
  return (
    <>
      <dt>
        <code>{name}</code>
      </dt>
      <dd>
        <Text size="xs" lang={about.lang}>
          {about.text}
        </Text>
        <Text size="xs" c="dimmed" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
          {keys.map((k) => `.${k}`).join(' ')}
        </Text>
      </dd>
    </>
  )
}
