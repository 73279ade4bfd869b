import { Box, Button, CopyButton, ScrollArea } from '@mantine/core'
import { IconCheck, IconCopy } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'

// Command shows text that is meant to be pasted elsewhere.
export function Command({ text, label, mah = 320 }: { text: string; label: string; mah?: number }) {
  const { t } = useTranslation()
  return (
    <Box className="command" role="group" aria-label={label}>
      <ScrollArea.Autosize mah={mah} type="auto" viewportProps={{ tabIndex: 0 }}>
        <pre className="command-text">{text}</pre>
      </ScrollArea.Autosize>
      <CopyButton value={text} timeout={2000}>
        {({ copied, copy }) => (
          <Button
            className="command-copy"
            size="compact-xs"
            variant={copied ? 'filled' : 'default'}
            leftSection={copied ? <IconCheck size={13} /> : <IconCopy size={13} />}
            onClick={copy}
          >
            {copied ? t('common.copied') : t('common.copy')}
          </Button>
        )}
      </CopyButton>
    </Box>
  )
}
