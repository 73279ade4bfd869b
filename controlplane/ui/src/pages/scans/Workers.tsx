import { Badge, Card, Text, Title } from '@mantine/core'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { Command } from '../../parts/Command'
import { DataTable } from '../../parts/DataTable'
import { When } from '../../parts/When'
import type { ScanWorker } from './queries'

// workerCommand starts a worker of this server.
export const workerCommand = () => `limpet token create worker-1 --role worker > token
limpet worker --server ${location.origin} --api-token-file token`

// Workers shows who scans.
export function Workers({ workers }: { workers: ScanWorker[] }) {
  const { t } = useTranslation()
  const columns = useMemo<ColumnDef<ScanWorker>[]>(
    () => [
      {
        id: 'name',
        header: t('scans.worker'),
        cell: ({ row: { original: w } }) => (
          <>
            <Text size="sm" fw={600} style={{ overflowWrap: 'anywhere' }}>
              {w.name}
            </Text>
            {w.address && (
              <Text size="xs" c="dimmed">
                {w.address}
              </Text>
            )}
          </>
        ),
      },
      { id: 'active', header: t('scans.state'), meta: { width: 110 }, cell: ({ row: { original: w } }) => <Badge color={w.active ? 'limpet' : 'gray'}>{w.active ? t('scans.active') : t('scans.silent')}</Badge> },
      { id: 'running', header: t('scans.running'), meta: { width: 110 }, cell: ({ row: { original: w } }) => <span className="tabular">{w.running} / {w.slots}</span> },
      { id: 'ended', header: t('scans.ended'), meta: { width: 130 }, cell: ({ row: { original: w } }) => <span className="tabular">{w.done} / {w.failed}</span> },
      { id: 'version', header: t('scans.version'), meta: { width: 140 }, cell: ({ row }) => row.original.version },
      { id: 'seen', header: t('scans.seen'), meta: { width: 140 }, cell: ({ row }) => <When at={row.original.lastSeen} /> },
    ],
    [t],
  )
  return (
    <section aria-label={t('scans.workers')}>
      <Title order={2} size="h4" mt="lg" mb="xs">
        {t('scans.workers')}
      </Title>
      {workers.length > 0 && <DataTable label={t('scans.workers')} rows={workers} columns={columns} rowKey={(w) => w.name} />}
      {workers.length === 0 && (
        <Card withBorder>
          <Text size="sm" fw={600}>
            {t('scans.noWorkers')}
          </Text>
          <Text size="sm" c="dimmed" mb="sm">
            {t('scans.noWorkersHelp')}
          </Text>
          <Command text={workerCommand()} label={t('scans.workerCommand')} />
        </Card>
      )}
    </section>
  )
}
