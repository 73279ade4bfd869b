// save hands text to the person as a file.
export function save(name: string, type: string, text: string) {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }))
  const a = document.createElement('a')
  a.href = url
  a.download = name
  a.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

// toCSV writes one line for each row (RFC 4180). Objects are written as JSON.
// A cell that a spreadsheet would take for a formula gets a leading quote.
export function toCSV(rows: Record<string, unknown>[]): string {
  const keys = [...new Set(rows.flatMap((r) => Object.keys(r)))]
  const line = (cells: unknown[]) => cells.map(cell).join(',')
  return [line(keys), ...rows.map((r) => line(keys.map((k) => r[k])))].join('\r\n') + '\r\n'
}

function cell(v: unknown): string {
  if (v === undefined || v === null) return ''
  if (typeof v === 'number' || typeof v === 'boolean') return String(v)
  let s = typeof v === 'string' ? v : JSON.stringify(v)
  if (/^[=+\-@\t\r]/.test(s)) s = `'${s}`
  return /[",\r\n]/.test(s) ? `"${s.replaceAll('"', '""')}"` : s
}
