import { Container } from '@mantine/core'
import { IconMapOff } from '@tabler/icons-react'
import { type ErrorComponentProps } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { Empty, Loading, ProblemAlert } from '../parts/states'
import { AnchorLink } from '../parts/links'

export function NotFound() {
  const { t } = useTranslation()
  return (
    <Container py="xl">
      <Empty icon={<IconMapOff size={26} />} title={t('problem.noPage')}>
        <AnchorLink to="/">
          {t('problem.toDashboard')}
        </AnchorLink>
      </Empty>
    </Container>
  )
}

export function RouteError({ error, reset }: ErrorComponentProps) {
  return (
    <Container py="xl" size="sm">
      <ProblemAlert error={error} onRetry={reset} />
    </Container>
  )
}

export function RoutePending() {
  return <Loading />
}
