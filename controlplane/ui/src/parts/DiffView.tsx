import { structuredPatch } from 'diff'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'

// unified gives the lines of a unified diff, without its file header.
export function unified(before: string, after: string): string {
  const patch = structuredPatch('', '', before, after, '', '', { context: 3 })
  return patch.hunks
    .flatMap((h) => [`@@ -${h.oldStart},${h.oldLines} +${h.newStart},${h.newLines} @@`, ...h.lines])
    .filter((l) => !l.startsWith('\\'))
    .join('\n')
}

interface Props {
  before?: string
  after?: string
  diff?: string // a ready unified diff, instead of the two texts
}

// DiffView shows what a change adds and takes away, line by line.
export function DiffView({ before, after, diff }: Props) {
  const { t } = useTranslation()
  const lines = useMemo(
    () => (diff ?? unified(before ?? '', after ?? '')).split('\n').filter((l) => !/^(diff|---|\+\+\+) /.test(l)),
    [before, after, diff],
  )
  if (lines.join('').trim() === '') return <p className="dim">{t('common.noDifference')}</p>
  return (
    <div className="diff" role="group" aria-label={t('common.difference')} tabIndex={0}>
      {lines.map((l, i) => {
        const kind = l.startsWith('@@') ? 'hunk' : l.startsWith('+') ? 'add' : l.startsWith('-') ? 'del' : 'same'
        return (
          <div key={i} className={`diff-line diff-${kind}`}>
            <span className="diff-sign">{kind === 'hunk' ? '' : (l[0] ?? ' ')}</span>
            <span>{kind === 'hunk' ? l : l.slice(1)}</span>
          </div>
        )
      })}
    </div>
  )
}
