import { Badge, Button, Group, List, Stack, Text } from '@mantine/core'
import { IconDownload, IconPlayerPlay } from '@tabler/icons-react'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { TestedPolicy } from '../../api/assurance'
import { post } from '../../api/client'
import { save } from '../../parts/files'
import { ProblemAlert } from '../../parts/states'
import { parse } from '../policies/document'
import { YamlEditor } from '../policies/YamlEditor'

const template = (name: string) => `apiVersion: limpet.dev/v1
kind: AssuranceTest
metadata:
  name: ${name}
policies: [${name}.yaml]
tests:
  - name: the release passes
    report: registry.example.com/shop/web:1.4
    result: pass
`

// Tests runs a file of tests on the text as it is typed, with kept reports. The
// file is kept beside the policy's own, for limpet policy test.
export function Tests({ text }: { text: string }) {
  const { t } = useTranslation()
  const name = parse(text).document?.metadata?.name ?? 'policy'
  const [tests, setTests] = useState(() => template(name))
  const run = useMutation({ mutationFn: () => post<TestedPolicy>('/assurance-policies/test', { yaml: text, tests }) })
  return (
    <Stack>
      <Group>
        <Text size="sm" c="dimmed" maw={760} flex={1}>
          {t('assurance.testsLead')}
        </Text>
        <Button variant="default" leftSection={<IconDownload size={16} />} onClick={() => save(`${name}.test.yaml`, 'application/yaml', tests)}>
          {t('common.export')}
        </Button>
        <Button leftSection={<IconPlayerPlay size={16} />} loading={run.isPending} onClick={() => run.mutate()}>
          {t('assurance.runTests')}
        </Button>
      </Group>
      <YamlEditor value={tests} onChange={setTests} errors={[]} label={t('policies.tabs.tests')} height="34vh" />
      <ProblemAlert error={run.error} />
      {run.data && (
        <List spacing={6} size="sm" listStyleType="none" data-testid="tested">
          {run.data.tests.map((x) => (
            <List.Item key={x.name}>
              <Badge color={x.problems?.length ? 'red' : 'limpet'}>{x.problems?.length ? t('assurance.testFailed') : t('assurance.testOK')}</Badge> {x.name}
              {(x.problems ?? []).map((p) => (
                <Text key={p} size="xs" c="red" lang="en">
                  {p}
                </Text>
              ))}
            </List.Item>
          ))}
        </List>
      )}
    </Stack>
  )
}
