import { Kbd, Modal, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { pages } from './nav'

export function ShortcutHelp({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { t } = useTranslation()
  const mod = /Mac|iPhone/.test(navigator.userAgent) ? '⌘' : 'Ctrl'
  const row = (what: string, keys: string[]) => (
    <div className="kbd-row" key={what}>
      <Text size="sm">{what}</Text>
      <span className="nowrap">
        {keys.map((k, i) => (
          <span key={i}>
            {i > 0 && ' '}
            <Kbd>{k}</Kbd>
          </span>
        ))}
      </span>
    </div>
  )
  return (
    <Modal opened={opened} onClose={onClose} title={t('shortcuts.title')} closeButtonProps={{ 'aria-label': t('common.close') }}>
      {row(t('shortcuts.palette'), [mod, 'K'])}
      {row(t('shortcuts.search'), ['/'])}
      {row(t('shortcuts.help'), ['?'])}
      {row(t('shortcuts.close'), ['Esc'])}
      {pages.map((p) => row(t('shortcuts.goTo', { page: t(`nav.${p.id}`) }), ['g', p.key]))}
    </Modal>
  )
}
