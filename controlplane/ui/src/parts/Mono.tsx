import { ActionIcon, CopyButton, Tooltip } from '@mantine/core'
import { IconCheck, IconCopy } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'

interface Props {
  value?: string | null
  shown?: string
  copy?: boolean
  wrap?: boolean
}

// Mono shows a path, digest or id as it is, with a button that copies all of
// it even where only a part is shown.
export function Mono({ value, shown, copy, wrap }: Props) {
  if (!value) return <span className="dim">–</span>
  return (
    <span className={wrap ? 'mono mono-wrap' : 'mono'}>
      <span className="mono-text" title={shown || !wrap ? value : undefined}>
        {shown ?? value}
      </span>
      {copy && <Copy value={value} />}
    </span>
  )
}

export function Copy({ value, label }: { value: string; label?: string }) {
  const { t } = useTranslation()
  return (
    <CopyButton value={value} timeout={1500}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? t('common.copied') : (label ?? t('common.copy'))}>
          <ActionIcon
            size="sm"
            variant="subtle"
            color={copied ? 'limpet' : 'gray'}
            onClick={(e) => {
              e.stopPropagation()
              copy()
            }}
            aria-label={label ?? t('common.copy')}
          >
            {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
          </ActionIcon>
        </Tooltip>
      )}
    </CopyButton>
  )
}

// Digest shows the first twelve digits, as image tools do.
export function Digest({ value }: { value?: string | null }) {
  if (!value) return <span className="dim">–</span>
  const hex = value.replace(/^sha256:/, '')
  return <Mono value={value} shown={`sha256:${hex.slice(0, 12)}…`} copy />
}
