import { Badge, Button, Group, List, Loader, Stack, Text } from '@mantine/core'
import { IconDownload, IconPlayerPlay } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { TestedPolicy } from '../../api/assurance'
import { getVersioned, isProblem, post, put, testsFail, type Versioned } from '../../api/client'
import { useMay } from '../../app/session'
import { save } from '../../parts/files'
import { done } from '../../parts/notify'
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

interface Kept {
  yaml: string
  reports: string[]
}

// Tests shows the tests that are kept with the policy, or how they are written.
export function Tests({ text }: { text: string }) {
  const name = parse(text).document?.metadata?.name ?? 'policy'
  const path = `/assurance-policies/${encodeURIComponent(name)}/tests`
  const kept = useQuery({
    queryKey: ['assurance', 'tests', name],
    queryFn: async ({ signal }) => {
      try {
        return await getVersioned<Kept>(path, signal)
      } catch (e) {
        if (isProblem(e, 404)) return null
        throw e
      }
    },
  })
  if (kept.error) return <ProblemAlert error={kept.error} />
  if (kept.isPending) return <Loader size="sm" />
  return <Editor key={name} text={text} name={name} path={path} kept={kept.data} />
}

// Editor runs tests on the policy as it is typed, with the inventory's reports,
// and keeps them with the policy as it is saved.
function Editor({ text, name, path, kept }: { text: string; name: string; path: string; kept: Versioned<Kept> | null }) {
  const { t } = useTranslation()
  const mayWrite = useMay('policies')
  const client = useQueryClient()
  const [tests, setTests] = useState(() => kept?.value.yaml ?? template(name))
  const keep = useMutation({
    mutationFn: (failing: boolean) => put<Kept>(path, { yaml: tests }, kept?.etag, failing ? { allowFailingTests: true } : undefined),
    onSuccess: async () => {
      done(t('assurance.testsKept'))
      await client.invalidateQueries({ queryKey: ['assurance', 'tests', name] })
    },
  })
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
        {mayWrite && (
          <Button variant={testsFail(keep.error) ? 'light' : 'default'} color={testsFail(keep.error) ? 'red' : undefined} loading={keep.isPending} onClick={() => keep.mutate(testsFail(keep.error))}>
            {t(testsFail(keep.error) ? 'assurance.saveFailing' : 'assurance.keepTests')}
          </Button>
        )}
      </Group>
      <YamlEditor value={tests} onChange={setTests} errors={[]} label={t('policies.tabs.tests')} height="34vh" />
      <ProblemAlert error={keep.error} />
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
