import type { ImportedStatement, Outcome } from '../../api/assurance'

export const maxFile = 8 << 20 // what the server takes

// statementsOf counts what an OpenVEX document says.
export function statementsOf(text: string): number {
  const doc = JSON.parse(text) as { statements?: unknown[] | null }
  return doc.statements?.length ?? 0
}

export function counts(list: ImportedStatement[]): Record<Outcome, number> {
  const out = { requested: 0, known: 0, skipped: 0 }
  for (const s of list) out[s.outcome]++
  return out
}

// FileFault is why a file is not sent at all.
export class FileFault extends Error {
  constructor(
    readonly kind: 'fileTooLarge' | 'fileNotJSON',
    readonly file: string,
  ) {
    super(`${file}: ${kind}`)
  }
}

export async function readDocument(file: Pick<File, 'name' | 'size' | 'text'>): Promise<unknown> {
  if (file.size > maxFile) throw new FileFault('fileTooLarge', file.name)
  const text = await file.text()
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw new FileFault('fileNotJSON', file.name)
  }
}
