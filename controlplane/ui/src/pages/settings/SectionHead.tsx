import { Group, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'

export function SectionHead({ title, lead, action }: { title: string; lead?: string; action?: ReactNode }) {
  return (
    <Group justify="space-between" align="flex-start" mb="sm" wrap="nowrap">
      <div>
        <Title order={2}>{title}</Title>
        {lead && (
          <Text size="sm" c="dimmed" maw={640}>
            {lead}
          </Text>
        )}
      </div>
      {action}
    </Group>
  )
}
