import { List, Text } from '@mantine/core'
import { Trans, useTranslation } from 'react-i18next'
import type { SecurityEvent } from '../../api/types'
import { useControlText } from '../../parts/control'
import { AnchorLink } from '../../parts/links'

// Explanation leads from the rule to the verdict: which policy, which rule,
// and how the modes of control and group made the effective one.
export function Explanation({ event: e }: { event: SecurityEvent }) {
  const { t } = useTranslation()
  const text = useControlText()
  const x = e.explain
  const policy = x?.policy || e.policy
  const rule = x?.rule || e.rule
  const mode = x?.mode ?? e.mode
  return (
    <List size="sm" spacing={5}>
      {policy && (
        <List.Item>
          <Trans
            i18nKey="explain.policy"
            values={{ policy, control: text.title(e.control) }}
            components={{
              policy: (
                <AnchorLink to="/policies/$policy" params={{ policy }} search={{ control: e.control }} size="sm" underline="always" />
              ),
            }}
          />
        </List.Item>
      )}
      {rule && (
        <List.Item>
          {t('explain.rule')} <code>{rule}</code>
        </List.Item>
      )}
      {mode && x?.groupMode && (
        <List.Item>
          {x.asked
            ? t('explain.modes', { control: t(`mode.${x.asked}`), group: t(`mode.${x.groupMode}`), mode: t(`mode.${mode}`) })
            : t('explain.groupMode', { group: t(`mode.${x.groupMode}`), mode: t(`mode.${mode}`) })}
        </List.Item>
      )}
      <List.Item>
        {e.verdict === 'deny'
          ? e.killed
            ? t('explain.killed')
            : e.errno
              ? t('explain.denied', { errno: e.errnoName || e.errno })
              : t('explain.deniedPlain')
          : e.verdict === 'audit'
            ? t('explain.audit')
            : t('explain.allow')}
      </List.Item>
      {x?.why && !policy && !rule && (
        <List.Item>
          <Text size="sm" c="dimmed" lang="en" component="span">
            {x.why}
          </Text>
        </List.Item>
      )}
    </List>
  )
}
