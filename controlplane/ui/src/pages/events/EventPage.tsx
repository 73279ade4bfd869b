import { Box } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { eventQuery } from '../../api/queries'
import { PageHeader } from '../../parts/PageHeader'
import { Loading, ProblemAlert } from '../../parts/states'
import { EventDetail } from './EventDetail'

const route = getRouteApi('/shell/events/$id')

export function EventPage() {
  const { t } = useTranslation()
  const { id } = route.useParams()
  const query = useQuery(eventQuery(id))
  return (
    <Box maw={860}>
      <PageHeader title={t('events.detail.title')} back={{ to: '/events', label: t('events.title') }} />
      <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />
      {query.isPending && <Loading />}
      {query.data && <EventDetail event={query.data} />}
    </Box>
  )
}
