import { Alert, Group } from '@mantine/core'
import { IconHandStop } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { exceptionSummaryQuery } from '../../api/assurance'
import { AnchorLink } from '../../parts/links'

// ExceptionHint says that exceptions wait for this person's decision, or end
// soon; nothing where there is nothing to do.
export function ExceptionHint() {
  const { t } = useTranslation()
  const summary = useQuery(exceptionSummaryQuery).data
  if (!summary || summary.mayApprove + summary.expiring === 0) return null
  return (
    <Alert icon={<IconHandStop size={18} />} color="yellow" variant="light" py="xs">
      <Group gap="lg">
        {summary.mayApprove > 0 && (
          <AnchorLink to="/exceptions" size="sm">
            {t('dashboard.exceptionsWait', { count: summary.mayApprove })}
          </AnchorLink>
        )}
        {summary.expiring > 0 && (
          <AnchorLink to="/exceptions" search={{ state: 'expiring' }} size="sm">
            {t('dashboard.exceptionsEnd', { count: summary.expiring })}
          </AnchorLink>
        )}
      </Group>
    </Alert>
  )
}
