import { notifications } from '@mantine/notifications'
import i18next from 'i18next'

// done says in passing that something was carried out.
export function done(message: string) {
  notifications.show({ message, color: 'limpet', closeButtonProps: { 'aria-label': i18next.t('common.close') } })
}
