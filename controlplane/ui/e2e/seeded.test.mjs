// The console with something on every page: what package infra/seed put into
// a server. LIMPET_URL, LIMPET_USER, LIMPET_PASSWORD, LIMPET_SHOTS as in
// console.test.mjs, which ran before and made the administrator.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { inaccessible } from './axe.mjs'
import { openPage, setLanguage, setScheme, settled, shot, startBrowser, visit } from './browser.mjs'

const url = (process.env.LIMPET_URL ?? '').replace(/\/$/, '')
const user = process.env.LIMPET_USER ?? 'administrator'
const password = process.env.LIMPET_PASSWORD ?? 'harbour-wall-at-low-tide'

let browser, page, faults

const heading = (name) => page.getByRole('heading', { name, level: 1 })
const clean = () => assert.deepEqual(faults, [], 'errors in the browser')
const api = (path) => page.evaluate((p) => fetch(`/api/v1${p}`).then((r) => r.json()), path)

async function open(place, name) {
  await visit(page, place)
  await heading(name).waitFor()
  await settled(page)
}

async function look(name) {
  await shot(page, name)
  assert.deepEqual(await inaccessible(page), [], name)
}

// Nothing may be cut off or make the page itself scroll sideways.
async function fits(name) {
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, `${name} is wider than the window`)
}

describe('console with data', { timeout: 900_000 }, () => {
  before(async () => {
    browser = await startBrowser()
    ;({ page, faults } = await openPage(browser, url, { expected: [401, 404, 422] }))
    page.setDefaultTimeout(60_000)
    await visit(page, '/login')
    await page.getByLabel('User name').fill(user)
    await page.getByRole('textbox', { name: 'Password' }).fill(password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await heading('Dashboard').waitFor()
  })
  after(async () => {
    await browser?.close()
  })

  test('findings: open one by keyboard, mute it, find it again, open it again', async () => {
    await open('/findings', 'Findings')
    await look('findings')
    const table = page.getByRole('table', { name: 'Findings' })
    await table.locator('.row-open').first().focus()
    await page.keyboard.press('ArrowDown')
    await page.waitForFunction(() => document.activeElement?.closest('tr')?.previousElementSibling !== null)
    await page.keyboard.press('Enter')
    await page.waitForURL(/id=/)
    await page.keyboard.press('Escape')
    await page.waitForURL((u) => !u.searchParams.has('id'))

    await page.getByRole('combobox', { name: 'Control' }).fill('Port scan')
    await page.getByRole('option', { name: 'Port scan' }).click()
    await page.waitForURL(/control=portScan/)
    await table.getByText('/tmp/scan').click()
    const drawer = page.getByRole('dialog', { name: 'Finding' })
    await drawer.getByText('Network Service Discovery').waitFor()
    assert.ok(await drawer.getByRole('button', { name: 'Mute' }).isDisabled(), 'a reason is asked for')
    await look('finding')
    await drawer.getByLabel('Reason').fill('our own scanner')
    await drawer.getByRole('button', { name: 'Mute' }).click()
    await drawer.getByText('Muted by', { exact: false }).waitFor()
    await drawer.getByRole('button', { name: 'Close' }).click()
    await page.getByText('No finding matches').waitFor()
    await page.getByText(/^Muted/).first().click()
    await table.getByText('/tmp/scan').click()
    await drawer.getByText('our own scanner').waitFor()
    await drawer.getByRole('button', { name: 'Open again' }).click()
    await drawer.getByRole('button', { name: 'Open again' }).waitFor({ state: 'detached' })
    await drawer.getByRole('link', { name: 'Show the events' }).click()
    await page.waitForURL(/\/events\?.*finding=/)
    await page.locator('.ev-body .ev-row').first().waitFor()
    clean()
  })

  test('an event of every control says what happened in its own fields', async () => {
    const controls = (await api('/controls')).items
    const events = (await api('/events?limit=200')).items
    for (const c of controls) {
      const e = events.find((x) => x.control === c.id) ?? (await api(`/events?limit=1&control=${c.id}`)).items[0]
      assert.ok(e, `no event of ${c.id}`)
      await open(`/events/${e.id}`, 'Event')
      await page.getByRole('heading', { level: 2 }).waitFor()
      const text = await page.locator('main').textContent()
      assert.ok(text.includes(c.title), `${c.id} is named`)
      assert.ok(!/undefined|\[object|NaN/.test(text), `${c.id}: ${text}`)
      // Labels are words, not names of fields.
      const labels = await page.locator('.facts dt').allTextContents()
      assert.deepEqual(labels.filter((l) => /^[a-z]/.test(l)), [], c.id)
      const allow = await page.getByRole('button', { name: 'Allow this…' }).count()
      assert.equal(allow, c.id === 'selfProtection' || c.id === 'capabilities' ? 0 : 1, `${c.id}: allow this`)
    }
    clean()
  })

  test('a changed file shows both digests; what was asked for shows name and answer', async () => {
    const one = async (control, q = '') => (await api(`/events?limit=1&control=${control}&q=${q}`)).items[0].id
    await open(`/events/${await one('fileIntegrity')}`, 'Event')
    for (const label of ['Operation', 'Digest before', 'Digest after', 'MITRE ATT&CK']) await page.getByText(label, { exact: true }).waitFor()
    await look('event-file')
    await open(`/events/${await one('dns', 'rebinding')}`, 'Event')
    for (const label of ['Name asked for', 'Leads to', 'Address in the answer', 'Name server']) await page.getByText(label, { exact: true }).waitFor()
    await look('event-dns')
    await open(`/events/${await one('inbound')}`, 'Event')
    for (const label of ['Peer', 'Local address']) await page.getByText(label, { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Allow this…' }).click()
    const dialog = page.getByRole('dialog', { name: 'Allow this' })
    await dialog.locator('.diff-add', { hasText: '8443' }).waitFor()
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    clean()
  })

  test('learning: readiness, what was seen, and a proposal over it', async () => {
    await open('/enforcers/groups/batch-jobs?tab=learning', 'batch-jobs')
    await page.getByRole('region', { name: 'Readiness' }).waitFor()
    await page.getByRole('table', { name: 'Programs' }).getByText('/usr/bin/gzip').waitFor()
    await look('learning')
    await page.getByText(/^Connections/).click()
    await page.waitForURL(/kind=connect/)
    await page.getByRole('table', { name: 'Connections' }).getByText('10.20.7.11').first().waitFor()
    await page.getByRole('link', { name: 'Propose a policy' }).click()
    await heading('New policy').waitFor()
    const note = page.getByRole('alert').filter({ hasText: 'Proposal from group batch-jobs' })
    await note.getByText(/^Look at these first/).click()
    await note.getByText('/tmp/tmp*/helper', { exact: false }).first().waitFor()
    await note.getByText(/^Beside the policy/).click()
    await note.locator('.diff-add').first().waitFor()
    await page.getByText('The policy is valid').waitFor()
    await look('proposal')
    clean()
  })

  test('simulation: of the group’s own policies, and of a text', async () => {
    await open('/enforcers/groups/batch-jobs?tab=simulate', 'batch-jobs')
    await page.getByRole('button', { name: 'Simulate' }).click()
    const table = page.getByRole('table', { name: 'Simulation' })
    await table.getByText('Metadata endpoints').waitFor()
    await look('simulation')
    await page.getByRole('combobox', { name: 'Policy' }).click()
    await page.getByRole('option', { name: 'Text of my own' }).click()
    await page.getByLabel('Policy (YAML)').fill('apiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata: {name: t}\nspec:\n  controls:\n    fileless: {mode: enforce}\n')
    await page.getByRole('button', { name: 'Simulate' }).click()
    await page.getByText('Nothing would be blocked or reported').waitFor()
    clean()
  })

  test('the policy form says what each platform can do, and edits exceptions', async () => {
    await open('/policies/web-servers?control=outbound', 'web-servers')
    const row = page.locator('[data-control=outbound]')
    const table = row.getByRole('table', { name: 'What each platform can do' })
    await table.getByText('AWS Fargate').waitFor()
    await table.getByText('under the ptrace engine', { exact: false }).waitFor()
    // The chips of every control agree with the server's table.
    const known = await api('/platforms')
    for (const c of known.controls.filter((x) => x.control !== 'selfProtection')) {
      const chips = page.locator(`[data-control=${c.control}] .rung`)
      assert.equal(await chips.count(), known.platforms.length, c.control)
    }
    await look('policy-platforms')
    await page.getByText('Exceptions', { exact: true }).click()
    await page.getByRole('button', { name: /certificate renewal/ }).click()
    await page.getByText('Read-only files', { exact: true }).first().waitFor()
    await look('policy-exceptions')
    await page.getByRole('button', { name: 'Add entry' }).last().click()
    await page.getByText(/selects nothing/).first().waitFor()
    await page.getByRole('button', { name: 'Discard changes' }).click()
    clean()
  })

  test('an exception is added by its selectors', async () => {
    await open('/policies/web-servers?control=drift', 'web-servers')
    await page.getByText('Exceptions', { exact: true }).click()
    await page.getByRole('button', { name: 'Add entry' }).last().click()
    const panel = page.locator('.exception-fields').last()
    // What is typed fast stays: no field is drawn with what it held before.
    const name = panel.getByRole('textbox', { name: 'Name' })
    await name.fill('')
    await name.pressSequentially('night')
    assert.equal(await name.inputValue(), 'night')
    await panel.getByRole('combobox', { name: 'Controls' }).click()
    await page.getByRole('option', { name: 'Read-only files', exact: true }).click()
    await page.keyboard.press('Escape')
    await panel.getByRole('combobox', { name: 'Paths' }).fill('/opt/tool')
    await page.keyboard.press('Enter')
    await panel.getByRole('combobox', { name: 'Paths' }).fill('/opt/other')
    await page.keyboard.press('Enter')
    for (const p of ['/opt/tool', '/opt/other']) await panel.getByText(p, { exact: true }).waitFor()
    await page.getByText('The policy is valid').waitFor()
    await look('policy-exception-added')
    await page.getByRole('button', { name: 'Review and save' }).click()
    const review = page.getByRole('dialog')
    await review.locator('.diff-add', { hasText: '/opt/tool' }).waitFor()
    await review.getByRole('button', { name: 'Save' }).click()
    await review.waitFor({ state: 'detached' })
    const saved = (await api('/policies/web-servers')).document.spec.exceptions.at(-1)
    assert.deepEqual([saved.controls, saved.paths], [['readOnlyFiles'], ['/opt/tool', '/opt/other']])
    clean()
  })

  test('reputation lists: an empty page that teaches, lines that are wrong, a list in use stays', async () => {
    const lists = await api('/reputation-lists')
    if (lists.items.length === 0) {
      await open('/lists', 'Reputation lists')
      await page.getByText('No reputation lists yet').waitFor()
      await look('lists-empty')
    } else await open('/lists', 'Reputation lists')
    await page.getByRole('button', { name: 'Add list' }).click()
    const form = page.getByRole('dialog', { name: 'Add list' })
    await form.getByLabel('Name', { exact: false }).first().fill('bad-hosts')
    const entries = form.getByRole('textbox', { name: 'Entries' })
    await entries.fill('203.0.113.7\nnot a host!\n198.51.100.0/24\n300.1.1.1/99\n')
    await form.getByRole('button', { name: 'Check' }).click()
    await form.getByText('2 lines cannot be read').waitFor()
    await form.getByText('Line 2:').waitFor()
    await form.getByText('Line 4:').waitFor()
    await look('lists-wrong')
    await entries.fill('# of today\n203.0.113.7\n198.51.100.0/24\nevil.example\n')
    await form.getByRole('button', { name: 'Check' }).click()
    await form.getByText('3 entries', { exact: false }).waitFor()
    assert.equal((await api('/reputation-lists')).items.filter((l) => l.name === 'bad-hosts').length, 0, 'a check keeps nothing')
    await form.getByRole('button', { name: 'Save' }).click()
    await form.waitFor({ state: 'detached' })
    const table = page.getByRole('table', { name: 'Reputation lists' })
    await table.getByText('bad-hosts').waitFor()
    await look('lists')
    await page.getByRole('button', { name: 'Change bad-hosts' }).click()
    const change = page.getByRole('dialog', { name: 'Change bad-hosts' })
    await change.getByRole('textbox', { name: 'Entries' }).fill('203.0.113.8\n')
    await change.getByRole('button', { name: 'Save' }).click()
    await change.waitFor({ state: 'detached' })
    assert.equal((await api('/reputation-lists/bad-hosts')).content, '203.0.113.8\n')
    await page.getByRole('button', { name: 'Delete bad-hosts' }).click()
    const sure = page.getByRole('dialog', { name: 'Delete bad-hosts' })
    await sure.getByRole('button', { name: 'Delete' }).click()
    await sure.waitFor({ state: 'detached' })
    const used = (await api('/reputation-lists')).items.find((l) => l.policies.length > 0)
    assert.ok(used, 'the seed has a list that a policy names')
    await page.getByRole('button', { name: `Delete ${used.name}` }).click()
    const no = page.getByRole('dialog', { name: `Delete ${used.name}` })
    await no.getByText('Take it out of there first', { exact: false }).waitFor()
    assert.ok(await no.getByRole('button', { name: 'Delete' }).isDisabled())
    await no.getByRole('button', { name: 'Cancel' }).click()
    clean()
  })

  test('an image is revoked and restored', async () => {
    await open('/settings/images', 'Settings')
    await look('images-empty')
    const image = (await api('/enforcers?limit=1')).items[0]
    await page.getByRole('button', { name: 'Revoke an image' }).click()
    const form = page.getByRole('dialog', { name: 'Revoke an image' })
    await form.getByRole('textbox', { name: 'Digest' }).fill('sha256:12')
    await form.getByText('64 digits', { exact: false }).waitFor()
    await form.getByRole('textbox', { name: 'Digest' }).fill(image.imageDigest)
    await form.getByRole('textbox', { name: 'Reason' }).fill('CVE-2026-1234')
    await look('images-revoke')
    await form.getByRole('button', { name: 'Revoke' }).click()
    await form.waitFor({ state: 'detached' })
    const table = page.getByRole('table', { name: 'Revoked images' })
    await table.getByText(image.image).waitFor()
    await look('images')
    await page.getByRole('button', { name: `Restore ${image.image}` }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Restore' }).click()
    await page.getByText('No image is revoked').waitFor()
    clean()
  })

  test('enforcers tell the truth about their host', async () => {
    await open('/enforcers?view=enforcers', 'Enforcers')
    const table = page.getByRole('table', { name: 'Enforcers' })
    await table.getByText('edge-proxy-aci').waitFor()
    await look('enforcers-seeded')
    await table.getByRole('link', { name: 'edge-proxy-aci' }).click()
    await heading('edge-proxy-aci').waitFor()
    await page.getByText('Unavailable', { exact: true }).first().waitFor()
    await look('enforcer-seeded')
    clean()
  })

  test('images: by risk, what to fix first, why a finding is one, two digests compared', async () => {
    await open('/images', 'Images')
    const table = page.getByRole('table', { name: 'Images' })
    await table.getByText('registry.example.com/shop/nginx:1.27').waitFor()
    await look('inventory-images')
    await page.getByRole('switch', { name: 'Riskiest first' }).click()
    await page.waitForURL(/sort=risk/)
    await page.getByText('Repositories', { exact: true }).click()
    await page.getByRole('table', { name: 'Repositories' }).getByRole('link', { name: 'registry.example.com/payments/gateway' }).click()
    await page.waitForURL(/repository=/)
    await table.getByText('gateway:4.2.0').waitFor()
    assert.equal(await table.getByRole('row').count(), 3, 'two images of the repository and the head')

    const images = (await api('/artifacts')).items
    const web = images.find((a) => a.name.includes('shop/nginx'))
    await open(`/images/${web.id}`, web.name)
    await page.getByText('Every digest matched', { exact: false }).or(page.getByText('every digest matched', { exact: false })).first().waitFor()
    await page.getByText('3 workloads run it').waitFor()
    await page.getByText('production-images').waitFor()
    await look('inventory-image')
    await page.getByRole('tab', { name: 'Fix first' }).click()
    await page.getByRole('heading', { name: /A newer base image/ }).waitFor()
    await page.getByText('FROM docker.io/library/debian:12-slim').waitFor()
    await page.getByText(/apt-get install -y --only-upgrade/).first().waitFor()
    await look('inventory-fixes')
    await page.getByRole('tab', { name: /^Vulnerabilities/ }).click()
    await page.getByRole('combobox', { name: 'Layer' }).click()
    await page.getByRole('option', { name: 'Layer 1' }).click()
    await page.waitForURL(/layer=1/)
    const found = page.getByRole('table', { name: 'Vulnerabilities' })
    await found.getByText('libwebp7').first().waitFor()
    await found.getByText('CVE-2023-4863').first().click()
    const drawer = page.getByRole('dialog', { name: 'CVE-2023-4863' })
    await drawer.getByText('Why it is here').waitFor()
    await drawer.getByText(/1\.2\.4-0\.2 < /).waitFor()
    await drawer.getByText('apt-get install -y curl', { exact: false }).waitFor()
    await look('inventory-explain')
    await drawer.getByRole('link', { name: 'Which workloads run this?' }).click()
    await heading('CVE-2023-4863').waitFor()
    await page.getByRole('table', { name: 'Workloads' }).getByText('shop-web-7d9f-x2k4p').waitFor()
    await page.getByRole('table', { name: 'Images' }).getByText('registry.example.com/data/importer:2026.11').waitFor()
    await look('inventory-vulnerability')

    for (const tab of ['Layers', 'Packages', 'Secrets', 'Malware', 'Licences', 'Configuration', 'History']) {
      await open(`/images/${web.id}`, web.name)
      await page.getByRole('tab', { name: new RegExp(`^${tab}`) }).click()
      await settled(page)
      await look(`inventory-${tab.toLowerCase()}`)
      assert.ok(!/undefined|\[object|NaN/.test(await page.locator('main').textContent()), tab)
    }
    const older = images.find((a) => a.name.includes('gateway:4.2.0'))
    const newer = images.find((a) => a.name.includes('gateway:4.2.1'))
    await open(`/images/${older.id}?tab=history&with=${newer.id}`, older.name)
    await page.getByRole('heading', { name: 'In the other image' }).waitFor()
    await page.getByText(/0 added, [1-9]\d* fixed/).waitFor()
    await look('inventory-compare')
    clean()
  })

  test('vulnerabilities, scans of pipelines, and downloads', async () => {
    await open('/vulnerabilities', 'Vulnerabilities')
    await page.getByRole('table', { name: 'Vulnerabilities' }).getByText('CVE-2023-50447').waitFor()
    await look('inventory-vulnerabilities')
    await page.getByRole('switch', { name: 'Exploited only' }).click()
    await page.waitForURL(/kev=true/)
    await page.getByRole('table', { name: 'Vulnerabilities' }).getByText('CVE-2023-4863').waitFor()
    for (const [path, format, begin] of [['/vulnerabilities/export', 'pdf', '%PDF-'], ['/artifacts/export', 'csv', 'artefact,'], ['/artifacts/export', 'html', '<!doctype html>']]) {
      const text = await page.evaluate(([p, f]) => fetch(`/api/v1${p}?format=${f}`).then((r) => r.text()), [path, format])
      assert.ok(text.startsWith(begin), `${path} as ${format}: ${text.slice(0, 60)}`)
    }
    await page.getByRole('button', { name: 'Download' }).click()
    const saved = page.waitForEvent('download')
    await page.getByRole('menuitem', { name: 'CSV' }).click()
    assert.match((await saved).suggestedFilename(), /^limpet-vulnerabilities-.*\.csv$/)

    await open('/ci-scans', 'CI scans')
    const table = page.getByRole('table', { name: 'CI scans' })
    await table.getByText('data/importer', { exact: false }).first().waitFor()
    await look('inventory-ci')
    await page.getByRole('textbox', { name: 'Repository, branch, commit, build' }).fill('jenkins')
    await page.waitForURL(/q=jenkins/)
    await table.getByText('jenkins-gateway-214').waitFor()
    await table.locator('.row-open').first().click()
    const drawer = page.getByRole('dialog', { name: 'Scan of a pipeline' })
    await drawer.getByRole('link', { name: /^https:\/\/jenkins\.example\.com/ }).waitFor()
    await drawer.getByText('production-images').waitFor()
    await look('inventory-ci-scan')
    await open('/', 'Dashboard')
    await page.getByRole('heading', { name: 'Risk of the inventory' }).waitFor()
    await page.getByText('1 image runs that was never scanned').waitFor()
    await page.getByRole('heading', { name: 'Images to fix first' }).scrollIntoViewIfNeeded()
    await look('inventory-dashboard')
    clean()
  })

  test('scan queue: progress, a failure with its reason, cancel, scan again, add', async () => {
    await open('/scans', 'Scan queue')
    const table = page.getByRole('table', { name: 'Scan queue' })
    const running = table.getByRole('row').filter({ hasText: 'warehouse' })
    await running.getByText('Running').waitFor()
    await running.getByRole('progressbar').waitFor()
    await table.getByRole('row').filter({ hasText: 's390x' }).getByText('there are linux/amd64', { exact: false }).or(table.getByText('not linux/s390x', { exact: false })).first().waitFor()
    await page.getByRole('table', { name: 'Workers' }).getByText('active').first().waitFor()
    await look('scans')
    await page.getByRole('radiogroup', { name: 'State' }).getByText('Waiting', { exact: false }).click()
    await page.waitForURL(/state=waiting/)
    const waits = table.getByRole('row').filter({ hasText: 'tools/report' })
    await waits.getByRole('button', { name: 'Cancel the scan of', exact: false }).click()
    await waits.waitFor({ state: 'detached' })
    await page.getByRole('radiogroup', { name: 'State' }).getByText('Cancelled', { exact: false }).click()
    await waits.getByRole('button', { name: 'again', exact: false }).click()
    await page.getByRole('radiogroup', { name: 'State' }).getByText('Waiting', { exact: false }).click()
    await waits.waitFor()
    await page.getByRole('button', { name: 'Scan an image' }).click()
    const form = page.getByRole('dialog', { name: 'Scan an image' })
    await form.getByRole('textbox', { name: 'Image' }).fill('docker://web:1')
    await form.getByRole('button', { name: 'Scan an image' }).click()
    await form.getByText('not an image of a registry', { exact: false }).waitFor()
    await look('scans-add')
    await form.getByRole('button', { name: 'Cancel' }).click()
    await form.waitFor({ state: 'detached' })
    await page.getByRole('textbox', { name: 'Search images' }).fill('no such image')
    await page.getByText('No scan matches').waitFor()
    clean()
  })

  test('every page, narrow and wide, dark, and in Japanese', async () => {
    const image = (await api('/artifacts')).items.find((a) => a.name.includes('shop/nginx')).id
    const places = [
      ['inventory', '/images'], ['image', `/images/${image}`], ['image-fixes', `/images/${image}?tab=fixes`], ['image-found', `/images/${image}?tab=vulnerabilities`], ['vulnerabilities', '/vulnerabilities'],
      ['vulnerability', '/vulnerabilities/CVE-2023-4863'], ['ci-scans', '/ci-scans'],
      ['dashboard', '/'], ['enforcers', '/enforcers'], ['members', '/enforcers?view=enforcers'], ['effective', '/enforcers/groups/payments?tab=effective'],
      ['learning', '/enforcers/groups/batch-jobs?tab=learning'], ['simulate', '/enforcers/groups/batch-jobs?tab=simulate'], ['policy', '/policies/web-servers?control=outbound'],
      ['proposal', '/policies/-/new?learn=batch-jobs'], ['lists', '/lists'], ['scans', '/scans'], ['images', '/settings/images'], ['findings', '/findings'], ['events', '/events'], ['audit', '/audit'], ['settings', '/settings/tokens'],
    ]
    for (const [scheme, language, width] of [['dark', 'ja', 768], ['light', 'en', 1440]]) {
      await page.setViewportSize({ width, height: 900 })
      await visit(page, '/')
      await setLanguage(page, language)
      await setScheme(page, scheme)
      for (const [name, place] of places) {
        await visit(page, place)
        await settled(page)
        await look(`seeded-${name}-${scheme}-${language}-${width}`)
        await fits(`${name} ${width}`)
      }
    }
    // What the form says is Japanese throughout.
    await visit(page, '/policies/web-servers?control=drift')
    await page.locator('[data-control=drift]').getByText('追加または変更してよいプログラム。').waitFor()
    assert.equal(await page.locator('[data-control] [lang=en]').count(), 0, 'a text of the form is not translated')
    await setLanguage(page, 'en')
    clean()
  })
})
