import { Accordion, Badge, Button, Group, Stack, Text } from '@mantine/core'
import { IconPlus, IconTrash } from '@tabler/icons-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { PolicyError } from '../../api/types'
import { ProblemAlert } from '../../parts/states'
import { FieldList, isObject } from './fields'
import { useCatalogue, useTitles } from './kind'
import type { DocumentProps } from './ScopeFields'

// Exceptions edits what the policy leaves out, by the server's description of
// an exception. "Allow this" on an event adds to it too.
export function Exceptions({ document, put, readOnly, errors }: DocumentProps & { errors: PolicyError[] }) {
  const { t } = useTranslation()
  const control = useTitles()
  const catalogue = useCatalogue()
  const fields = catalogue.exceptions
  const [open, setOpen] = useState<string | null>(null)
  const list: unknown[] = Array.isArray(document.spec?.exceptions) ? document.spec.exceptions : []
  if (!fields) return catalogue.error ? <ProblemAlert error={catalogue.error} onRetry={catalogue.refetch} /> : null
  const replace = (all: unknown[]) => put(['spec', 'exceptions'], all)
  return (
    <Stack gap="xs">
      {list.length === 0 && (
        <Text size="sm" c="dimmed">
          {t('policies.noExceptions')}
        </Text>
      )}
      <Accordion variant="separated" chevronPosition="left" value={open} onChange={setOpen}>
        {list.map((item, i) => {
          const x = isObject(item) ? item : {}
          const base = `spec.exceptions[${i}]`
          const wrong = errors.filter((e) => e.path === base || e.path?.startsWith(`${base}.`)).length
          const name = typeof x.name === 'string' && x.name ? x.name : t('policies.exceptionN', { n: i + 1 })
          return (
            <Accordion.Item key={i} value={String(i)}>
              <Accordion.Control>
                <Group gap="xs">
                  <Text size="sm" fw={600} style={{ overflowWrap: 'anywhere' }}>
                    {name}
                  </Text>
                  {wrong > 0 && (
                    <Badge color="red" size="sm">
                      {t('policies.errors', { count: wrong })}
                    </Badge>
                  )}
                </Group>
                <Text size="xs" c="dimmed">
                  {(Array.isArray(x.controls) ? x.controls : []).map((c) => control.title(String(c))).join(', ')}
                </Text>
              </Accordion.Control>
              <Accordion.Panel>
                {errors.filter((e) => e.path === base).map((e) => (
                  <Text key={e.message} size="xs" c="red" lang="en" mb="xs">
                    {e.message}
                  </Text>
                ))}
                <div className="exception-fields">
                  <FieldList
                    fields={fields}
                    values={x}
                    errors={errors}
                    base={base}
                    readOnly={readOnly}
                    put={(path, v) => put(['spec', 'exceptions', i, ...path], v)}
                  />
                </div>
                {!readOnly && (
                  <Button
                    size="compact-xs"
                    variant="subtle"
                    color="red"
                    mt="sm"
                    leftSection={<IconTrash size={13} />}
                    onClick={() => {
                      setOpen(null)
                      replace(list.filter((_, j) => j !== i))
                    }}
                  >
                    {t('policies.removeRule', { n: i + 1 })}
                  </Button>
                )}
              </Accordion.Panel>
            </Accordion.Item>
          )
        })}
      </Accordion>
      {!readOnly && (
        <Button
          size="compact-xs"
          variant="light"
          w="fit-content"
          leftSection={<IconPlus size={13} />}
          onClick={() => {
            setOpen(String(list.length))
            replace([...list, { name: `exception-${list.length + 1}` }])
          }}
        >
          {t('policies.addRule')}
        </Button>
      )}
    </Stack>
  )
}
