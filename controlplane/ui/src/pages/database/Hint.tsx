import { Alert, Text } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { AnchorLink } from '../../parts/links'
import { databaseQuery } from './queries'

// DatabaseHint says on other pages that the vulnerability database is missing or old.
export function DatabaseHint() {
  const { t } = useTranslation()
  const { data: d } = useQuery(databaseQuery)
  if (!d || (d.database && !d.database.old)) return null
  return (
    <Alert color="orange" icon={<IconAlertTriangle size={18} />} title={d.database ? t('database.oldTitle', { count: Math.floor(d.database.ageSeconds / 86_400) }) : t('database.none')}>
      <Text size="sm" mb={4}>{d.database ? t('database.oldHelp') : t('database.noneHelp')}</Text>
      <AnchorLink to="/vulnerability-database" size="sm">{t('database.title')}</AnchorLink>
    </Alert>
  )
}
