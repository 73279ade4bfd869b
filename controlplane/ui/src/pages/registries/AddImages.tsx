import { Alert, Badge, Button, Card, Checkbox, Group, List, Select, Stack, Text, TextInput, Title } from '@mantine/core'
import { IconBuildingWarehouse, IconRadar2, IconSearch } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import type { ColumnDef } from '@tanstack/react-table'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { post } from '../../api/client'
import { registriesQuery, registryPath, registryTypesQuery, remoteTagsQuery, repositorySearchQuery, type Added, type Pick, type Registry, type RepositoryHit, type TagHit } from '../../api/registries'
import { narrow, type AddImagesSearch } from '../../app/search'
import { useMay } from '../../app/session'
import { DataTable } from '../../parts/DataTable'
import { ButtonLink } from '../../parts/links'
import { Digest } from '../../parts/Mono'
import { PageHeader } from '../../parts/PageHeader'
import { SearchField } from '../../parts/SearchField'
import { Empty, Loading, ProblemAlert } from '../../parts/states'
import { When } from '../../parts/When'
import { RegistryProblem, Trouble } from './Result'

const route = getRouteApi('/shell/add-images')
const most = 100 // images that one call takes

// AddImagesPage has people look for images in a registry and queue scans of
// them.
export function AddImagesPage() {
  const { t } = useTranslation()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const set = (part: Partial<AddImagesSearch>) => void navigate({ search: (s) => narrow(s, part), replace: true })
  const registries = useQuery(registriesQuery)
  const all = registries.data?.items ?? []
  const registry = all.find((r) => r.id === search.registry) ?? all[0]
  return (
    <>
      <PageHeader title={t('addImages.title')} lead={t('addImages.lead')} back={{ to: '/registries', label: t('nav.registries') }} actions={<ButtonLink to="/scans" size="xs" variant="default" leftSection={<IconRadar2 size={15} />}>{t('nav.scans')}</ButtonLink>} />
      <ProblemAlert error={registries.error} onRetry={() => void registries.refetch()} mb="sm" />
      {registries.isPending && <Loading rows={4} />}
      {registries.data && !registry && (
        <Empty icon={<IconBuildingWarehouse size={26} />} title={t('addImages.noRegistry')} action={<ButtonLink to="/registries" size="xs">{t('nav.registries')}</ButtonLink>}>
          {t('addImages.noRegistryHelp')}
        </Empty>
      )}
      {registry && (
        <>
          <Group gap="xs" mb="sm" role="search">
            <Select size="xs" w={220} aria-label={t('addImages.registry')} data={all.map((r) => ({ value: r.id, label: r.name }))} value={registry.id} onChange={(v) => set({ registry: v ?? undefined, repository: undefined })} allowDeselect={false} searchable />
            <SearchField key={registry.id} label={t('addImages.search')} value={search.q} onChange={(q) => set({ q, repository: undefined })} width={300} />
          </Group>
          <Found key={registry.id} registry={registry} q={search.q ?? ''} repository={search.repository} onRepository={(repository) => set({ repository })} />
        </>
      )}
    </>
  )
}

interface FoundProps {
  registry: Registry
  q: string
  repository?: string
  onRepository: (name: string) => void
}

// What a repository may be called, roughly: the server decides.
const name = /^[a-z0-9][a-z0-9._/-]*$/

function Found({ registry, q, repository, onRepository }: FoundProps) {
  const { t, i18n } = useTranslation()
  const client = useQueryClient()
  const whole = useQuery(registryTypesQuery).data?.find((k) => k.type === registry.spec.type)?.search ?? false
  const query = useQuery(repositorySearchQuery(registry.id, q))
  const [picks, setPicks] = useState<Pick[]>([])
  const add = useMutation({
    mutationFn: () => post<{ items: Added[] }>(`${registryPath(registry.id)}/images`, { images: picks }),
    onSuccess: (r) => {
      setPicks(picks.filter((_, i) => !r.items[i]?.ok))
      return client.invalidateQueries({ queryKey: ['scan-jobs'] })
    },
  })
  const columns = useMemo<ColumnDef<RepositoryHit>[]>(
    () => [
      {
        id: 'repository',
        header: t('addImages.repository'),
        cell: ({ row: { original: h } }) => (
          <Text size="sm" fw={500} style={{ overflowWrap: 'anywhere' }}>
            {h.repository}
          </Text>
        ),
      },
      {
        id: 'about',
        header: t('common.description'),
        cell: ({ row: { original: h } }) => (
          <Group gap={6}>
            {h.official && <Badge color="limpet">{t('addImages.official')}</Badge>}
            {h.selected && <Badge color="gray">{t('addImages.watched')}</Badge>}
            {h.gone && <Badge color="orange">{t('addImages.gone')}</Badge>}
            <Text size="xs" c="dimmed" lineClamp={2}>
              {h.description}
            </Text>
          </Group>
        ),
      },
      ...(whole ? [{ id: 'stars', header: t('addImages.stars'), meta: { width: 90 }, cell: ({ row }: { row: { original: RepositoryHit } }) => <span className="tabular">{row.original.stars?.toLocaleString(i18n.language) ?? '–'}</span> }] : []),
    ],
    [t, i18n.language, whole],
  )
  const hits = query.data?.items ?? []
  const direct = name.test(q) && !hits.some((h) => h.repository === q)
  return (
    <Stack gap="sm">
      <RegistryProblem error={query.error} onRetry={() => void query.refetch()} />
      {query.isPending && <Loading rows={4} />}
      {query.data && hits.length === 0 && (
        <Empty icon={<IconSearch size={26} />} title={t(q ? 'addImages.noneMatch' : whole ? 'addImages.begin' : 'addImages.nothingFound')}>
          {t(whole ? 'addImages.beginHelp' : 'addImages.nothingFoundHelp')}
        </Empty>
      )}
      {hits.length > 0 && <DataTable label={t('addImages.repositories')} rows={hits} columns={columns} rowKey={(h) => h.repository} onRow={(h) => onRepository(h.repository)} rowButton />}
      {direct && (
        <div>
          <Button size="xs" variant="light" onClick={() => onRepository(q)}>
            {t('addImages.tagsOf', { name: q })}
          </Button>
        </div>
      )}
      {repository && <Tags key={repository} registry={registry} repository={repository} picks={picks} onPicks={setPicks} />}
      <Chosen picks={picks} busy={add.isPending} onAdd={() => add.mutate()} onClear={() => setPicks([])} />
      <RegistryProblem error={add.error} />
      {add.data && <Answer added={add.data.items} />}
    </Stack>
  )
}

const same = (a: Pick, b: Pick) => a.repository === b.repository && a.tag === b.tag

function Tags({ registry, repository, picks, onPicks }: { registry: Registry; repository: string; picks: Pick[]; onPicks: (p: Pick[]) => void }) {
  const { t } = useTranslation()
  const mayScan = useMay('scans')
  const query = useQuery(remoteTagsQuery(registry.id, repository))
  const [filter, setFilter] = useState('')
  const rows = (query.data?.items ?? []).filter((h) => h.tag.includes(filter.trim()))
  const columns = useMemo<ColumnDef<TagHit>[]>(
    () => [
      {
        id: 'tag',
        header: t('addImages.tag'),
        cell: ({ row: { original: h } }) => {
          const pick = { repository, tag: h.tag }
          const on = picks.some((p) => same(p, pick))
          if (!mayScan) return <Text size="sm">{h.tag}</Text>
          return <Checkbox size="xs" label={h.tag} checked={on} disabled={!on && picks.length >= most} onChange={() => onPicks(on ? picks.filter((p) => !same(p, pick)) : [...picks, pick])} />
        },
      },
      { id: 'platforms', header: t('addImages.platforms'), cell: ({ row }) => <Text size="xs">{row.original.platforms.join(', ') || '–'}</Text> },
      { id: 'digest', header: t('addImages.digest'), cell: ({ row }) => (row.original.digest ? <Digest value={row.original.digest} /> : <span className="dim">–</span>) },
      { id: 'created', header: t('addImages.created'), meta: { width: 140 }, cell: ({ row }) => <When at={row.original.created} /> },
    ],
    [t, repository, picks, onPicks, mayScan],
  )
  return (
    <section aria-label={t('addImages.tagsOf', { name: repository })}>
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4">
          {t('addImages.tagsOf', { name: repository })}
        </Title>
        <TextInput size="xs" w={200} aria-label={t('addImages.filter')} placeholder={t('addImages.filter')} value={filter} onChange={(e) => setFilter(e.currentTarget.value)} />
      </Group>
      <RegistryProblem error={query.error} onRetry={() => void query.refetch()} />
      {query.isPending && <Loading rows={4} />}
      {query.data && rows.length === 0 && (
        <Text size="sm" c="dimmed">
          {t('addImages.noTags')}
        </Text>
      )}
      {rows.length > 0 && <DataTable label={t('addImages.tags')} rows={rows} columns={columns} rowKey={(h) => h.tag} />}
      {query.data?.more && (
        <Text size="xs" c="dimmed" mt={4}>
          {t('addImages.moreTags', { count: query.data.items.length })}
        </Text>
      )}
      {!mayScan && (
        <Text size="sm" c="dimmed" mt={4}>
          {t('addImages.mayNot')}
        </Text>
      )}
    </section>
  )
}

function Chosen({ picks, busy, onAdd, onClear }: { picks: Pick[]; busy: boolean; onAdd: () => void; onClear: () => void }) {
  const { t } = useTranslation()
  if (picks.length === 0) return null
  return (
    <Card withBorder role="group" aria-label={t('addImages.chosen')}>
      <Group gap={6} mb="sm">
        {picks.map((p) => (
          <Badge key={`${p.repository}:${p.tag}`} variant="default" ff="monospace" fw={400} tt="none">
            {p.repository}:{p.tag}
          </Badge>
        ))}
      </Group>
      <Group>
        <Button size="xs" loading={busy} onClick={onAdd}>
          {t('addImages.queue', { count: picks.length })}
        </Button>
        <Button size="xs" variant="default" onClick={onClear}>
          {t('addImages.clear')}
        </Button>
      </Group>
    </Card>
  )
}

function Answer({ added }: { added: Added[] }) {
  const { t } = useTranslation()
  const failed = added.filter((a) => !a.ok)
  return (
    <Alert color={failed.length > 0 ? 'yellow' : 'limpet'} role="status" title={t('addImages.queued', { count: added.length - failed.length })}>
      <ButtonLink to="/scans" size="compact-sm" variant="default">
        {t('addImages.toQueue')}
      </ButtonLink>
      {failed.length > 0 && (
        <List size="sm" mt="xs">
          {failed.map((a) => (
            <List.Item key={`${a.repository}:${a.tag}`}>
              <code>
                {a.repository}:{a.tag}
              </code>
              <Trouble kind={a.kind} message={a.message} />
            </List.Item>
          ))}
        </List>
      )}
    </Alert>
  )
}
