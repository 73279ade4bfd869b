import { Group, Paper, Stack, Text, Title } from '@mantine/core'
import { useEffect, type ReactNode } from 'react'
import { LanguageMenu, SchemeMenu } from '../../parts/Choices'
import { Logo } from '../../parts/Logo'

export function EntryFrame({ title, lead, children }: { title: string; lead?: ReactNode; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Limpet`
  }, [title])
  return (
    <main className="entry">
      <Stack w="100%" maw={430} gap="md">
        <Group justify="space-between">
          <Group gap={10}>
            <Logo size={34} />
            <Text fw={650} fz={20}>
              Limpet
            </Text>
          </Group>
          <Group gap={4}>
            <LanguageMenu />
            <SchemeMenu />
          </Group>
        </Group>
        <Paper p="xl" shadow="xs">
          <Title order={1} mb={4}>
            {title}
          </Title>
          {lead && (
            <Text size="sm" c="dimmed" mb="lg" component="div">
              {lead}
            </Text>
          )}
          {children}
        </Paper>
      </Stack>
    </main>
  )
}
