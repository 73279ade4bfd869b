import { Button, Group } from '@mantine/core'
import type { InfiniteData, UseInfiniteQueryResult } from '@tanstack/react-query'
import { useMemo, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { Page } from '../api/types'
import { DataTable, type TableProps } from './DataTable'
import { Loading, ProblemAlert } from './states'

interface Props<T> extends Omit<TableProps<T>, 'rows'> {
  query: UseInfiniteQueryResult<InfiniteData<Page<T>>>
  empty: ReactNode // in place of a table without rows
  skeleton?: number
}

// PagedTable is a list that the server gives page by page: what failed, what
// is loading, that there is nothing, the rows, and the way to more of them.
export function PagedTable<T>({ query, empty, skeleton = 8, ...table }: Props<T>) {
  const { t } = useTranslation()
  const rows = useRows(query)
  return (
    <>
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} mb="sm" />
      {query.isPending && <Loading rows={skeleton} />}
      {query.data && rows.length === 0 && !query.hasNextPage && empty}
      {rows.length > 0 && <DataTable {...table} rows={rows} />}
      {query.hasNextPage && (
        <Group justify="center" mt="sm">
          <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {t('common.more')}
          </Button>
        </Group>
      )}
    </>
  )
}

// useRows gives the rows of all pages that were read.
export function useRows<T>(query: UseInfiniteQueryResult<InfiniteData<Page<T>>>): T[] {
  return useMemo(() => query.data?.pages.flatMap((p) => p.items ?? []) ?? [], [query.data])
}
