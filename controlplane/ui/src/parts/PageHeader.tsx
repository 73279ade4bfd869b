import { Box, Breadcrumbs, Group, Text, Title } from '@mantine/core'
import { useEffect, type ReactNode } from 'react'
import { AnchorLink } from './links'

interface Props {
  title: string
  lead?: ReactNode
  badge?: ReactNode
  back?: { to: string; label: string }
  actions?: ReactNode
}

export function PageHeader({ title, lead, badge, back, actions }: Props) {
  useEffect(() => {
    document.title = `${title} · Limpet`
  }, [title])
  return (
    <Box mb="md">
      {back && (
        <Breadcrumbs mb={4} fz="sm" separator="›">
          <AnchorLink to={back.to} size="sm">
            {back.label}
          </AnchorLink>
          <Text size="sm" c="dimmed" truncate maw={360}>
            {title}
          </Text>
        </Breadcrumbs>
      )}
      <Group justify="space-between" align="flex-start" gap="sm">
        <Box miw={0} flex="1 1 280px">
          <Group gap="sm">
            <Title order={1}>{title}</Title>
            {badge}
          </Group>
          {lead && (
            <Text size="sm" c="dimmed" mt={2} maw={760} component="div">
              {lead}
            </Text>
          )}
        </Box>
        {actions && <Group gap="xs">{actions}</Group>}
      </Group>
    </Box>
  )
}
