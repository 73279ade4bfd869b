import { Drawer, Group } from '@mantine/core'
import { IconExternalLink } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { eventQuery } from '../../api/queries'
import type { SecurityEvent } from '../../api/types'
import { Loading, ProblemAlert } from '../../parts/states'
import { EventDetail } from './EventDetail'
import { AnchorLink } from '../../parts/links'

interface Props {
  id?: string
  known?: SecurityEvent // what the list already holds, shown until the whole is there
  onClose: () => void
}

export function EventDrawer({ id, known, onClose }: Props) {
  const { t } = useTranslation()
  const query = useQuery({ ...eventQuery(id ?? ''), enabled: id !== undefined })
  const event = query.data ?? known
  return (
    <Drawer
      opened={id !== undefined}
      onClose={onClose}
      position="right"
      size={660}
      title={
        <Group gap="sm">
          {t('events.detail.title')}
          {id && (
            <AnchorLink to="/events/$id" params={{ id }} size="xs">
              <Group gap={4}>
                <IconExternalLink size={13} />
                {t('events.detail.page')}
              </Group>
            </AnchorLink>
          )}
        </Group>
      }
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} mb="md" />
      {event ? <EventDetail event={event} /> : query.isFetching ? <Loading /> : null}
    </Drawer>
  )
}
