import { Alert, Badge, Button, Group, List, Loader, Stack, Text } from '@mantine/core'
import { IconDeviceFloppy, IconDownload, IconPlayerPlay, IconTrash } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState, type Dispatch, type SetStateAction } from 'react'
import { useTranslation } from 'react-i18next'
import type { TestedPolicy } from '../../api/assurance'
import { del, getVersioned, isProblem, post, put, testsFail, type Versioned } from '../../api/client'
import { useMay } from '../../app/session'
import { Confirm } from '../../parts/Confirm'
import { save } from '../../parts/files'
import { done } from '../../parts/notify'
import { ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'
import { parse } from '../policies/document'
import { SaveFailing } from '../policies/SaveFailing'
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
  version: number
  updatedAt: string
  updatedBy: string
}

// TypedTests is what a person typed, and over which version of the kept tests.
export interface TypedTests {
  yaml: string
  etag?: string
}

interface Props {
  text: string // of the policy, as it is typed
  policy?: string // its name, once it is saved
  typed?: TypedTests
  onTyped: Dispatch<SetStateAction<TypedTests | undefined>>
}

// Tests shows the tests that are kept with the policy, or how they are written.
export function Tests(props: Props) {
  const kept = useQuery({
    queryKey: ['assurance', 'tests', props.policy],
    queryFn: async ({ signal }) => {
      try {
        return await getVersioned<Kept>(testsPath(props.policy), signal)
      } catch (e) {
        if (isProblem(e, 404)) return null
        throw e
      }
    },
    enabled: props.policy !== undefined,
  })
  if (kept.error) return <ProblemAlert error={kept.error} onRetry={() => void kept.refetch()} />
  if (kept.isLoading) return <Loader size="sm" />
  return <Editor {...props} kept={kept.data ?? null} />
}

const testsPath = (policy = '') => `/assurance-policies/${encodeURIComponent(policy)}/tests`

// Editor runs tests on the policy as it is typed, with the inventory's reports,
// and keeps them with the policy as it is saved.
function Editor({ text, policy, typed, onTyped, kept }: Props & { kept: Versioned<Kept> | null }) {
  const { t } = useTranslation()
  const mayWrite = useMay('policies')
  const client = useQueryClient()
  const [removing, setRemoving] = useState(false)
  // The example follows no key: the name is the policy's, not what is being typed.
  const [example] = useState(() => template(policy ?? parse(text).document?.metadata?.name ?? 'policy'))
  const stored = kept?.value.yaml ?? example
  const tests = typed?.yaml ?? stored
  const file = `${policy ?? 'policy'}.test.yaml`
  const refresh = () => client.invalidateQueries({ queryKey: ['assurance', 'tests', policy] })
  const keep = useMutation({
    mutationFn: (failing: boolean) => put<Kept>(testsPath(policy), { yaml: tests }, typed ? typed.etag : kept?.etag, failing ? { allowFailingTests: true } : undefined),
    onSuccess: async (now) => {
      done(t('assurance.testsKept'))
      await refresh()
      // What was typed meanwhile goes on from there.
      onTyped((was) => (was && was.yaml !== now.yaml ? { yaml: was.yaml, etag: `"${now.version}"` } : undefined))
    },
    onError: (e) => (isProblem(e, 412) || isProblem(e, 428)) && refresh(), // somebody else kept some meanwhile
  })
  const remove = useMutation({
    mutationFn: () => del(testsPath(policy), kept?.etag),
    onSuccess: async () => {
      setRemoving(false)
      onTyped(typed && { yaml: typed.yaml })
      done(t('assurance.testsRemoved'))
      await refresh()
    },
    onError: refresh,
  })
  const edit = (yaml: string) => {
    onTyped(yaml === stored ? undefined : { yaml, etag: typed ? typed.etag : kept?.etag })
    if (keep.error) keep.reset() // what failed is not what would be saved all the same
    if (run.error) run.reset()
  }
  const run = useMutation({ mutationFn: (of: { yaml: string; tests: string }) => post<TestedPolicy>('/assurance-policies/test', of) })
  const stale = run.variables !== undefined && (run.variables.yaml !== text || run.variables.tests !== tests)
  const failing = testsFail(keep.error)
  return (
    <Stack>
      <Text size="sm" c="dimmed" maw={760}>
        {t('assurance.testsLead')}
      </Text>
      <Group justify="space-between" gap="xs">
        <Text size="sm" role="status">
          {kept ? (
            <>
              <Badge color="limpet" mr={6}>{t('assurance.kept')}</Badge>
              {t('assurance.keptReports', { count: kept.value.reports.length })} · {kept.value.updatedBy} · <When at={kept.value.updatedAt} />
            </>
          ) : (
            <span className="dim">{t(policy === undefined ? 'assurance.saveFirst' : 'assurance.notKept')}</span>
          )}
          {typed && <Badge color="yellow" ml={6}>{t('policies.unsaved')}</Badge>}
        </Text>
        <Group gap="xs">
          {kept && mayWrite && (
            <Button variant="subtle" color="red" leftSection={<IconTrash size={16} />} onClick={() => setRemoving(true)}>
              {t('assurance.removeTests')}
            </Button>
          )}
          {typed && (
            <Button
              variant="default"
              onClick={() => {
                onTyped(undefined)
                keep.reset()
              }}
            >
              {t('assurance.discardTests')}
            </Button>
          )}
          <Button variant="default" leftSection={<IconDownload size={16} />} onClick={() => save(file, 'application/yaml', tests)}>
            {t('common.export')}
          </Button>
          {mayWrite && policy !== undefined && (
            <Button variant="default" leftSection={<IconDeviceFloppy size={16} />} disabled={kept !== null && !typed} loading={keep.isPending} onClick={() => keep.mutate(false)}>
              {t('assurance.keepTests')}
            </Button>
          )}
          <Button leftSection={<IconPlayerPlay size={16} />} loading={run.isPending} onClick={() => run.mutate({ yaml: text, tests })}>
            {t('assurance.runTests')}
          </Button>
        </Group>
      </Group>
      <YamlEditor value={tests} onChange={edit} errors={[]} label={t('policies.tabs.tests')} height="34vh" />
      <ProblemAlert error={keep.error} />
      {failing && <SaveFailing help={t('assurance.failingKeepHelp')} busy={keep.isPending} onSave={() => keep.mutate(true)} />}
      <ProblemAlert error={run.error} />
      {run.data && (
        <>
          {stale && <Alert color="yellow">{t('assurance.staleTests')}</Alert>}
          <List spacing={6} size="sm" listStyleType="none" data-testid="tested">
            {run.data.tests.map((x) => (
              <List.Item key={x.name}>
                <Group gap={6}>
                  <Badge color={x.problems?.length ? 'red' : 'limpet'}>{x.problems?.length ? t('assurance.testFailed') : t('assurance.testOK')}</Badge> {x.name}
                </Group>
                {(x.problems ?? []).map((p) => (
                  <Text key={p} size="xs" c="red" lang="en">
                    {p}
                  </Text>
                ))}
              </List.Item>
            ))}
          </List>
        </>
      )}
      <Confirm
        opened={removing}
        danger
        title={t('assurance.removeTitle', { name: policy ?? '' })}
        confirm={t('assurance.removeTests')}
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => remove.mutate()}
        onClose={() => {
          setRemoving(false)
          remove.reset()
        }}
      >
        {t('assurance.removeText')}
      </Confirm>
    </Stack>
  )
}
