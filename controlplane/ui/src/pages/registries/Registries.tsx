import { ActionIcon, Badge, Button, Loader, Menu, Modal, Stack, Text, Tooltip } from '@mantine/core'
import { IconBuildingWarehouse, IconDots, IconPencil, IconPlugConnected, IconPlus, IconRefresh, IconTrash, IconWebhook } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { del, post } from '../../api/client'
import { registriesQuery, registryPath, registryTypesQuery, type Registry, type Tested } from '../../api/registries'
import { useMay } from '../../app/session'
import { Command } from '../../parts/Command'
import { Confirm } from '../../parts/Confirm'
import { DataTable } from '../../parts/DataTable'
import { AnchorLink, ButtonLink } from '../../parts/links'
import { done } from '../../parts/notify'
import { PageHeader } from '../../parts/PageHeader'
import { Empty, Loading, ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'
import { RegistryForm } from './RegistryForm'
import { Result, Trouble } from './Result'
import { Webhook } from './Webhook'

const tones = { new: 'gray', ok: 'limpet', partial: 'yellow', failed: 'red' } as const

type Open = { what: 'form'; id?: string } | { what: 'hook' | 'test' | 'delete'; registry: Registry }

// RegistriesPage shows the registries that are looked through.
export function RegistriesPage() {
  const { t } = useTranslation()
  const client = useQueryClient()
  const mayWrite = useMay('registries')
  const mayScan = useMay('scans')
  const query = useQuery(registriesQuery)
  const [open, setOpen] = useState<Open>()
  const close = () => setOpen(undefined)
  const fresh = () => client.invalidateQueries({ queryKey: registriesQuery.queryKey, exact: true })
  const sync = useMutation({
    mutationFn: (r: Registry) => post<Registry>(`${registryPath(r.id)}/sync`),
    onSuccess: (r) => {
      done(t('registries.syncing', { name: r.name }))
      return fresh()
    },
  })
  const columns = useColumns({ mayWrite, mayScan, sync: sync.mutate, open: setOpen })
  const rows = query.data?.items ?? []
  const add = mayWrite && (
    <Button size="xs" leftSection={<IconPlus size={15} />} onClick={() => setOpen({ what: 'form' })}>
      {t('registries.add')}
    </Button>
  )
  return (
    <>
      <PageHeader
        title={t('nav.registries')}
        lead={t('registries.lead')}
        actions={
          rows.length > 0 && (
            <>
              <ButtonLink to="/add-images" size="xs" variant="default">
                {t('addImages.title')}
              </ButtonLink>
              {add}
            </>
          )
        }
      />
      <ProblemAlert error={query.error ?? sync.error} onRetry={query.error ? () => void query.refetch() : undefined} mb="sm" />
      {query.isPending && <Loading rows={3} />}
      {query.data && rows.length === 0 && (
        <Empty icon={<IconBuildingWarehouse size={26} />} title={t('registries.none')} action={add}>
          <Text size="sm" c="dimmed" mb="sm">
            {t('registries.noneHelp')}
          </Text>
          <Text ta="left" component="div">
            <Command text={'limpet registry add shop --type harbor \\\n  --address https://harbor.example.com \\\n  --username \'robot$scan\' --password-file token \\\n  --daily 03:30'} label={t('registries.command')} />
          </Text>
        </Empty>
      )}
      {rows.length > 0 && <DataTable label={t('nav.registries')} rows={rows} columns={columns} rowKey={(r) => r.id} fileName="limpet-registries" />}
      {open?.what === 'form' && (
        <RegistryForm
          id={open.id}
          onClose={close}
          onSaved={(r) => {
            setOpen(r.webhook?.secret ? { what: 'hook', registry: r } : undefined)
            void fresh()
          }}
        />
      )}
      {open?.what === 'hook' && <Webhook registry={open.registry} mayWrite={mayWrite} onClose={close} />}
      {open?.what === 'test' && <TestKept registry={open.registry} onClose={close} />}
      {open?.what === 'delete' && <Delete registry={open.registry} onClose={close} />}
    </>
  )
}

interface Acts {
  mayWrite: boolean
  mayScan: boolean
  sync: (r: Registry) => void
  open: (o: Open) => void
}

function useColumns({ mayWrite, mayScan, sync, open }: Acts) {
  const { t, i18n } = useTranslation()
  const types = useQuery(registryTypesQuery).data
  return useMemo<ColumnDef<Registry>[]>(() => {
    const number = (n: number) => n.toLocaleString(i18n.language)
    return [
      {
        id: 'name',
        header: t('common.name'),
        cell: ({ row: { original: r } }) => {
          const k = types?.find((x) => x.type === r.spec.type)
          return (
            <Stack gap={0} miw={170} style={{ overflowWrap: 'anywhere' }}>
              <AnchorLink to="/add-images" search={{ registry: r.id }} size="sm" fw={600}>
                {r.name}
              </AnchorLink>
              <Text size="xs" c="dimmed">
                {k?.label ?? r.spec.type} · {r.spec.address || k?.address}
              </Text>
              {r.description && (
                <Text size="xs" c="dimmed" lineClamp={2}>
                  {r.description}
                </Text>
              )}
              {r.insecure && (
                <span>
                  <Badge color="orange">{t('registries.unprotected')}</Badge>
                </span>
              )}
            </Stack>
          )
        },
      },
      {
        id: 'state',
        header: t('registries.state'),
        cell: ({ row: { original: r } }) => (
          <Stack gap={2} miw={200} maw={420}>
            <span>
              {r.syncing ? (
                <Badge color="blue" leftSection={<Loader size={10} color="blue" aria-hidden="true" />}>
                  {t('registries.running')}
                </Badge>
              ) : (
                <Badge color={tones[r.state]}>{t(`registries.states.${r.state}`)}</Badge>
              )}
            </span>
            {r.problem && <Trouble kind={r.problemKind} message={r.problem} lines={3} />}
          </Stack>
        ),
      },
      {
        id: 'looked',
        header: t('registries.looked'),
        meta: { width: 170 },
        cell: ({ row: { original: r } }) => (
          <Stack gap={0}>
            <When at={r.syncedAt} />
            <Text size="xs" c="dimmed" component="div">
              {r.nextSync ? (
                <>
                  {t('registries.next')} <When at={r.nextSync} future />
                </>
              ) : (
                t('registries.byHand')
              )}
            </Text>
          </Stack>
        ),
      },
      {
        id: 'found',
        header: t('registries.found'),
        meta: { width: 190 },
        cell: ({ row: { original: r } }) =>
          r.syncedAt && (r.state !== 'failed' || r.found.tags > 0) ? (
            <Stack gap={0} className="tabular">
              <Text size="sm">{t('registries.counts', { tags: number(r.found.tags), repositories: number(r.found.repositories) })}</Text>
              <Text size="xs" c="dimmed">
                {t('registries.enqueued', { n: number(r.found.enqueued) })}
                {r.found.gone > 0 && ` · ${t('registries.gone', { n: number(r.found.gone) })}`}
              </Text>
            </Stack>
          ) : (
            <span className="dim">–</span>
          ),
      },
      {
        id: 'actions',
        header: () => <span className="visually-hidden">{t('common.actions')}</span>,
        meta: { width: 90 },
        cell: ({ row: { original: r } }) => (
          <div style={{ display: 'flex', gap: 4 }}>
            {mayScan && (
              <Tooltip label={t('registries.sync')}>
                <ActionIcon variant="subtle" disabled={r.syncing} aria-label={t('registries.syncNamed', { name: r.name })} onClick={() => sync(r)}>
                  <IconRefresh size={15} />
                </ActionIcon>
              </Tooltip>
            )}
            {(mayWrite || r.webhook) && (
              <Menu position="bottom-end">
                <Menu.Target>
                  <ActionIcon variant="subtle" aria-label={t('registries.actionsOf', { name: r.name })}>
                    <IconDots size={15} />
                  </ActionIcon>
                </Menu.Target>
                <Menu.Dropdown>
                  {mayWrite && (
                    <>
                      <Menu.Item leftSection={<IconPencil size={14} />} onClick={() => open({ what: 'form', id: r.id })}>
                        {t('registries.edit')}
                      </Menu.Item>
                      <Menu.Item leftSection={<IconPlugConnected size={14} />} onClick={() => open({ what: 'test', registry: r })}>
                        {t('registries.test')}
                      </Menu.Item>
                    </>
                  )}
                  {r.webhook && (
                    <Menu.Item leftSection={<IconWebhook size={14} />} onClick={() => open({ what: 'hook', registry: r })}>
                      {t('registries.hook')}
                    </Menu.Item>
                  )}
                  {mayWrite && (
                    <Menu.Item color="red" leftSection={<IconTrash size={14} />} onClick={() => open({ what: 'delete', registry: r })}>
                      {t('common.delete')}
                    </Menu.Item>
                  )}
                </Menu.Dropdown>
              </Menu>
            )}
          </div>
        ),
      },
    ]
  }, [t, i18n.language, types, mayWrite, mayScan, sync, open])
}

function TestKept({ registry: r, onClose }: { registry: Registry; onClose: () => void }) {
  const { t } = useTranslation()
  const test = useQuery({ queryKey: ['registries', r.id, 'test'], queryFn: () => post<Tested>(`${registryPath(r.id)}/test`), gcTime: 0, retry: false, refetchOnWindowFocus: false })
  return (
    <Modal opened onClose={onClose} size="lg" title={t('registries.testNamed', { name: r.name })} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <ProblemAlert error={test.error} onRetry={() => void test.refetch()} />
      {test.isPending && <Loading rows={3} />}
      {test.data && <Result tested={test.data} />}
    </Modal>
  )
}

function Delete({ registry: r, onClose }: { registry: Registry; onClose: () => void }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const remove = useMutation({
    mutationFn: () => del(registryPath(r.id)),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: registriesQuery.queryKey, exact: true })
      onClose()
    },
  })
  return (
    <Confirm opened danger title={t('registries.deleteNamed', { name: r.name })} confirm={t('common.delete')} busy={remove.isPending} error={remove.error} onConfirm={() => remove.mutate()} onClose={onClose}>
      {t('registries.deleteText')}
    </Confirm>
  )
}
