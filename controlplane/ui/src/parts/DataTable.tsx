import { ActionIcon, Group, Menu, Paper, Table, Text, UnstyledButton } from '@mantine/core'
import { IconArrowDown, IconArrowUp, IconDownload } from '@tabler/icons-react'
import {
  flexRender, getCoreRowModel, getSortedRowModel, useReactTable, type ColumnDef, type SortingState,
} from '@tanstack/react-table'
import { useMemo, type KeyboardEvent, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { save, toCSV } from './files'

export interface TableProps<T> {
  label: string
  rows: T[]
  columns: ColumnDef<T>[]
  rowKey: (row: T) => string
  sort?: string // "column" or "-column"; kept in the address by the page
  onSort?: (sort: string | undefined) => void
  onRow?: (row: T) => void
  rowButton?: boolean // the first cell opens the row; for tables whose first cell holds no link
  footer?: ReactNode
  fileName?: string // gives the table its CSV and JSON buttons
  total?: number
}

export function DataTable<T>({ label, rows, columns, rowKey, sort, onSort, onRow, rowButton, footer, fileName, total }: TableProps<T>) {
  const { t } = useTranslation()
  const sorting = useMemo<SortingState>(
    () => (sort ? [{ id: sort.replace(/^-/, ''), desc: sort.startsWith('-') }] : []),
    [sort],
  )
  const table = useReactTable({
    data: rows,
    columns,
    state: { sorting },
    getRowId: rowKey,
    getCoreRowModel: getCoreRowModel(),
    getSortedRowModel: getSortedRowModel(),
    enableSorting: onSort !== undefined,
  })
  const cycle = (id: string) => onSort?.(sort === id ? `-${id}` : sort === `-${id}` ? undefined : id)
  return (
    <Paper className="table-paper">
      <Table.ScrollContainer minWidth={Math.max(640, columns.reduce((sum, c) => sum + room(c), 0))} type="native" tabIndex={0} role="group" aria-label={label}>
        <Table highlightOnHover={onRow !== undefined} aria-label={label}>
          <Table.Thead>
            {table.getHeaderGroups().map((hg) => (
              <Table.Tr key={hg.id}>
                {hg.headers.map((h) => {
                  const dir = h.column.getIsSorted()
                  const head = flexRender(h.column.columnDef.header, h.getContext())
                  const width = (h.column.columnDef.meta as { width?: number } | undefined)?.width
                  return (
                    <Table.Th
                      key={h.id}
                      w={width}
                      aria-sort={dir === 'asc' ? 'ascending' : dir === 'desc' ? 'descending' : undefined}
                    >
                      {h.column.getCanSort() && h.column.columnDef.enableSorting !== false && h.column.accessorFn ? (
                        <UnstyledButton className="th-sort" onClick={() => cycle(h.column.id)}>
                          {head}
                          {dir === 'asc' && <IconArrowUp size={13} aria-hidden="true" />}
                          {dir === 'desc' && <IconArrowDown size={13} aria-hidden="true" />}
                        </UnstyledButton>
                      ) : (
                        head
                      )}
                    </Table.Th>
                  )
                })}
              </Table.Tr>
            ))}
          </Table.Thead>
          <Table.Tbody>
            {table.getRowModel().rows.map((r) => (
              <Table.Tr key={r.id} className={onRow ? 'row-link' : undefined} onClick={onRow ? () => onRow(r.original) : undefined}>
                {r.getVisibleCells().map((c, i) => (
                  <Table.Td key={c.id}>
                    {rowButton && i === 0 ? (
                      <UnstyledButton component="div" role="button" tabIndex={0} className="row-open" onKeyDown={(e) => rowKeys(e, () => onRow?.(r.original))}>
                        {flexRender(c.column.columnDef.cell, c.getContext())}
                      </UnstyledButton>
                    ) : (
                      flexRender(c.column.columnDef.cell, c.getContext())
                    )}
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      <Group justify="space-between" px="sm" py={6} className="table-foot">
        <Text size="xs" c="dimmed">
          {footer ?? t('common.rows', { count: total ?? rows.length })}
        </Text>
        {fileName && (
          <Menu position="bottom-end">
            <Menu.Target>
              <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t('common.export')}>
                <IconDownload size={15} />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item onClick={() => save(`${fileName}.csv`, 'text/csv', toCSV(rows as Record<string, unknown>[]))}>CSV</Menu.Item>
              <Menu.Item onClick={() => save(`${fileName}.json`, 'application/json', JSON.stringify(rows, null, 2))}>JSON</Menu.Item>
            </Menu.Dropdown>
          </Menu>
        )}
      </Group>
    </Paper>
  )
}

// room is what a column needs at least, so that a narrow window scrolls the
// table instead of cutting words into letters.
function room<T>(c: ColumnDef<T>): number {
  const meta = c.meta as { width?: number; min?: number } | undefined
  return meta?.width ?? meta?.min ?? 100
}

// rowKeys opens a row, or goes to the one above or below.
function rowKeys(e: KeyboardEvent<HTMLElement>, open: () => void) {
  if (e.key === 'Enter' || e.key === ' ') {
    e.preventDefault()
    open()
    return
  }
  const step = e.key === 'ArrowDown' || e.key === 'j' ? 'nextElementSibling' : e.key === 'ArrowUp' || e.key === 'k' ? 'previousElementSibling' : undefined
  const to = step && e.currentTarget.closest('tr')?.[step]?.querySelector<HTMLElement>('.row-open')
  if (!to) return
  e.preventDefault()
  to.focus()
}
