// The console against a real server, in a real browser, as a new user meets
// it: first run, sign in, group, join token, policy, events, and what each
// page says when something is wrong.
//
// LIMPET_URL            address of a fresh server, e.g. https://127.0.0.1:8443
// LIMPET_SETUP_CODE     the code from its log
// LIMPET_USER, LIMPET_PASSWORD  administrator to use if there is one already
// LIMPET_EXPECT_EVENTS  1: there must be events
// LIMPET_SHOTS          folder for screenshots
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { inaccessible } from './axe.mjs'
import { openPage, setLanguage, setScheme, settled, shot, startBrowser } from './browser.mjs'

const url = (process.env.LIMPET_URL ?? '').replace(/\/$/, '')
const code = process.env.LIMPET_SETUP_CODE ?? ''
const user = process.env.LIMPET_USER ?? 'administrator'
const password = process.env.LIMPET_PASSWORD ?? 'harbour-wall-at-low-tide'
const group = `e2e-${Date.now().toString(36)}`
const policy = `${group}-policy`

assert.ok(url, 'LIMPET_URL must name a running server')

let browser, page, faults

const heading = (name) => page.getByRole('heading', { name, level: 1 })
const clean = () => assert.deepEqual(faults, [], 'errors in the browser')

async function checkAccessible() {
  assert.deepEqual(await inaccessible(page), [])
}

async function signIn() {
  await page.getByLabel('User name').fill(user)
  await page.getByRole('textbox', { name: 'Password' }).fill(password)
  await page.getByLabel('Keep me signed in for 30 days').check()
  await page.getByRole('button', { name: 'Sign in' }).click()
}

// Replaces the text of the YAML editor as a person would.
async function typeYaml(text) {
  const content = page.locator('[data-testid=yaml-editor] .cm-content')
  await content.click()
  await page.keyboard.press('Control+A')
  await page.evaluate((t) => navigator.clipboard.writeText(t), text)
  await page.keyboard.press('Control+V')
}

// Each step stands on the one before: after one has failed the rest say so at
// once instead of waiting for what cannot come.
let broken = ''
function step(name, run) {
  test(name, async (t) => {
    assert.equal(broken, '', 'an earlier step failed')
    broken = name
    await run(t)
    broken = ''
  })
}

describe('console', { timeout: 300_000 }, () => {
  before(async () => {
    browser = await startBrowser()
    ;({ page, faults } = await openPage(browser, url, { expected: [401, 403, 404, 412, 422] }))
  })
  after(async () => {
    await browser?.close()
  })

  step('first run creates the administrator', async () => {
    await page.goto('/')
    await page.waitForURL(/\/(first-run|login)/)
    if (page.url().includes('/login')) {
      await signIn() // this server has its administrator already
    } else {
      await shot(page, 'first-run')
      await checkAccessible()
      await page.getByLabel('Setup code').fill('WRONG-CODE')
      await page.getByLabel('User name').fill(user)
      await page.getByLabel('Password', { exact: true }).fill('short')
      await page.getByLabel('Password again').fill('short')
      await page.getByRole('button', { name: 'Create the administrator' }).click()
      await page.getByText('The password does not follow the rules').waitFor()
      await page.getByLabel('Password', { exact: true }).fill(password)
      await page.getByLabel('Password again').fill(password)
      await page.getByRole('button', { name: 'Create the administrator' }).click()
      await page.getByRole('alert').waitFor() // the wrong code is refused
      await page.getByLabel('Setup code').fill(code)
      await page.getByRole('button', { name: 'Create the administrator' }).click()
    }
    await heading('Dashboard').waitFor()
    clean()
  })

  step('a session that is gone leads to the login page and back', async () => {
    await page.context().clearCookies()
    await page.goto('/policies?q=def')
    await page.waitForURL(/\/login\?/)
    await shot(page, 'login')
    await checkAccessible()
    await page.getByLabel('User name').fill(user)
    await page.getByRole('textbox', { name: 'Password' }).fill('not-the-password')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('User name or password is wrong.').waitFor()
    await signIn()
    await page.waitForURL(/\/policies\?q=def$/)
    await heading('Policies').waitFor()
    const cookies = await page.context().cookies()
    assert.ok(cookies.some((c) => c.httpOnly && c.secure && c.expires > Date.now() / 1000 + 29 * 86_400), 'kept for 30 days')
    clean()
  })

  step('add an enforcer group, with a join token and the install command', async () => {
    await page.goto('/enforcers')
    await heading('Enforcers').waitFor()
    await page.getByRole('button', { name: 'Add enforcer group' }).first().click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name').fill('Not A Name')
    await dialog.getByRole('button', { name: 'Next' }).click()
    await dialog.getByText('Small letters, digits').waitFor()
    await dialog.getByLabel('Name').fill(group)
    await dialog.getByRole('button', { name: 'Next' }).click()
    await dialog.getByText('Enforcement mode').waitFor()
    await shot(page, 'wizard-mode')
    await dialog.getByText('Enforce', { exact: true }).click()
    await dialog.getByRole('button', { name: 'Next' }).click()
    await dialog.getByText('All of them apply together').waitFor()
    await dialog.getByRole('button', { name: 'Next' }).click()
    await dialog.getByText('enrols once').waitFor()
    await dialog.getByRole('button', { name: 'Create the group' }).click()
    const token = await dialog.getByTestId('join-token').textContent()
    assert.ok(token && token.length > 16, 'a join token is shown')
    await dialog.getByText('Waiting for the first heartbeat…').waitFor()
    const command = dialog.getByRole('group', { name: 'Install command' })
    await command.waitFor()
    assert.match(await command.textContent(), new RegExp(token.slice(0, 12)))
    await checkAccessible()
    await shot(page, 'wizard-install')
    for (const [tab, words] of [['Dockerfile', '--dockerfile'], ['Amazon ECS', 'containerDefinitions'], ['Images as they are', 'limpet wrap definition FILE']]) {
      await dialog.getByRole('tab', { name: tab }).click()
      await command.getByText(words).first().waitFor()
    }
    await settled(page)
    await checkAccessible()
    await shot(page, 'wizard-as-they-are')
    await dialog.getByRole('button', { name: 'Done' }).click()
    await heading(group).waitFor()
    await page.getByText('No enforcers yet').waitFor()
    clean()
  })

  step('the group shows its policy, tokens and settings', async () => {
    await page.getByRole('tab', { name: 'Effective policy' }).click()
    await page.waitForURL(/tab=effective/)
    await settled(page)
    await page.getByRole('link', { name: 'default' }).first().waitFor()
    await shot(page, 'group-effective')
    await page.getByRole('tab', { name: 'Install' }).click()
    await page.getByRole('table', { name: 'Join tokens' }).waitFor()
    await shot(page, 'group-install')
    await page.getByRole('tab', { name: 'Settings' }).click()
    await page.getByLabel('Description').fill('made by a test')
    await page.getByText('Audit only', { exact: true }).click()
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.getByText(`Group ${group} saved`).waitFor()
    await shot(page, 'group-settings')
    await checkAccessible()
    clean()
  })

  step('a policy that is not valid is marked where it is wrong, and cannot be saved', async () => {
    await page.goto('/policies/-/new')
    await heading('New policy').waitFor()
    await page.getByLabel('Name', { exact: true }).fill(policy)
    await page.waitForFunction((p) => document.querySelector('.cm-content')?.textContent?.includes(p), policy)
    await page.getByText('The policy is valid').waitFor()
    const create = page.getByRole('button', { name: 'Create', exact: true })
    // Form to text: a control is switched on.
    const row = page.locator('[data-control=metadataEndpoints]')
    await row.getByText('Enforce', { exact: true }).click()
    await page.waitForFunction(() => /metadataEndpoints:\s*mode: enforce/.test(document.querySelector('.cm-content')?.textContent ?? ''))
    // Text to form, with two mistakes.
    await typeYaml(`apiVersion: limpet.dev/v1
kind: RuntimePolicy
metadata:
  name: ${policy}
spec:
  controls:
    drift:
      mode: sometimes
    outbound:
      mode: enforce
      deny:
        - name: bad
          cidrs: [10.0.0.0/99]
`)
    const errors = page.getByTestId('policy-errors')
    await errors.waitFor()
    await errors.getByText('Line 8', { exact: true }).waitFor()
    await errors.getByText('Line 13', { exact: true }).waitFor()
    assert.ok((await page.locator('.cm-lint-marker-error').count()) >= 2, 'markers beside the lines')
    assert.ok(await create.isDisabled())
    await shot(page, 'policy-invalid')
    // No YAML at all: the form waits.
    await typeYaml('apiVersion: [')
    await page.getByText('The form waits for valid YAML').waitFor()
    assert.ok(await create.isDisabled())
    clean()
  })

  step('a valid policy is saved, changed with a diff, and its revisions kept', async () => {
    await typeYaml(`# kept: comments stay when the form changes something
apiVersion: limpet.dev/v1
kind: RuntimePolicy
metadata:
  name: ${policy}
  description: Made by a test
spec:
  controls:
    drift:
      mode: enforce # why: the image is read-only
`)
    await page.getByText('The policy is valid').waitFor()
    await page.getByRole('button', { name: 'Create', exact: true }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Create', exact: true }).click()
    await heading(policy).waitFor()
    await page.getByText('Revision 1', { exact: true }).waitFor()
    const row = page.locator('[data-control=fileless]')
    await row.getByText('Audit', { exact: true }).click()
    await page.getByText('The policy is valid').waitFor()
    await shot(page, 'policy-edit')
    await checkAccessible()
    await page.getByRole('button', { name: 'Review and save' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.locator('.diff-add', { hasText: 'fileless' }).waitFor()
    await shot(page, 'policy-diff')
    await dialog.getByRole('button', { name: 'Save', exact: true }).click()
    await page.getByText('Revision 2', { exact: true }).waitFor()
    assert.match(await page.locator('.cm-content').textContent(), /# kept: comments stay.*# why: the image is read-only/s)
    await page.getByRole('tab', { name: 'Revisions' }).click()
    await page.locator('.diff-add', { hasText: 'fileless' }).waitFor()
    await shot(page, 'policy-revisions')
    clean()
  })

  step('a change by somebody else is noticed when saving', async () => {
    await page.goto(`/policies/${policy}`)
    await page.locator('[data-control=reverseShell]').getByText('Audit', { exact: true }).click()
    await page.getByText('The policy is valid').waitFor()
    const status = await page.evaluate(async (name) => {
      const session = await (await fetch('/api/v1/session')).json()
      const res = await fetch(`/api/v1/policies/${name}`)
      const { yaml } = await res.json()
      const put = await fetch(`/api/v1/policies/${name}`, {
        method: 'PUT',
        headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': session.csrfToken, 'If-Match': res.headers.get('ETag') },
        body: JSON.stringify({ yaml: yaml.replace('Made by a test', 'Changed by somebody else') }),
      })
      return put.status
    }, policy)
    assert.equal(status, 200)
    await page.getByRole('button', { name: 'Review and save' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Save', exact: true }).click()
    await dialog.getByText('saved revision 3 meanwhile').waitFor()
    await dialog.locator('.diff-del', { hasText: 'Changed by somebody else' }).waitFor()
    await shot(page, 'policy-conflict')
    await dialog.getByRole('button', { name: 'Save over it' }).click()
    await page.getByText('Revision 4', { exact: true }).waitFor()
    clean()
  })

  step('the policy is assigned to the group', async () => {
    await page.getByRole('tab', { name: 'Groups' }).click()
    await page.getByLabel(group).click()
    await page.waitForFunction((g) => fetch(`/api/v1/groups/${g}`).then((r) => r.json()).then((v) => v.policies.length === 2), group)
    await page.goto(`/enforcers/groups/${group}?tab=effective`)
    await page.getByRole('link', { name: policy }).first().waitFor()
    clean()
  })

  step('events: filters live in the address', async () => {
    await page.goto('/events')
    await heading('Events').waitFor()
    await settled(page)
    await page.getByText('Live', { exact: true }).waitFor()
    await page.locator('.ev-body .ev-row, .empty').first().waitFor()
    const rows = page.locator('.ev-body .ev-row')
    const count = await rows.count()
    if (process.env.LIMPET_EXPECT_EVENTS === '1') assert.ok(count > 0, 'there are events')
    await shot(page, 'events')
    await checkAccessible()
    if (count > 0) {
      await rows.filter({ hasText: 'Denied' }).or(rows).first().click()
      await page.waitForURL(/id=/)
      await page.getByRole('dialog').getByText('Event ID').waitFor()
      await shot(page, 'event')
      await checkAccessible()
      await page.keyboard.press('Escape')
      await page.waitForURL((u) => !u.searchParams.has('id'))
    }
    await page.getByLabel('Search paths, arguments, addresses').fill('no-such-thing-anywhere')
    await page.waitForURL(/q=no-such-thing/)
    await page.getByText('No event matches the filters').waitFor()
    await page.reload()
    await page.getByText('No event matches the filters').waitFor()
    await page.getByRole('button', { name: 'Clear filters' }).first().click()
    await page.waitForURL((u) => !u.searchParams.has('q'))
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByText('Paused').waitFor()
    clean()
  })

  step('"allow this" proposes a change and makes it only when confirmed', async (t) => {
    await page.goto('/events?verdict=deny')
    await settled(page)
    await page.locator('.ev-body .ev-row, .empty').first().waitFor()
    const candidates = page.locator('.ev-body .ev-row').filter({ hasNotText: 'Self protection' })
    if ((await candidates.count()) === 0) {
      assert.notEqual(process.env.LIMPET_EXPECT_EVENTS, '1', 'there must be denied events')
      t.diagnostic('no denied event on this server')
      return
    }
    await candidates.first().click()
    await page.getByRole('button', { name: 'Allow this…' }).click()
    const dialog = page.getByRole('dialog', { name: 'Allow this' })
    await dialog.locator('.diff-add').first().waitFor()
    await shot(page, 'event-allow')
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    clean()
  })

  step('the audit record names what was done', async () => {
    await page.goto('/audit')
    await heading('Audit record').waitFor()
    await page.getByRole('cell', { name: policy }).first().click()
    await page.getByRole('dialog').locator('.diff').waitFor()
    await shot(page, 'audit-entry')
    await page.keyboard.press('Escape')
    await shot(page, 'audit')
    await checkAccessible()
    clean()
  })

  step('an API token is shown once and can be revoked', async () => {
    await page.goto('/settings/tokens')
    await page.getByRole('button', { name: 'New API token' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name').fill(group)
    await dialog.getByRole('button', { name: 'Create', exact: true }).click()
    await dialog.getByText('It is shown this once').waitFor()
    await shot(page, 'token-created')
    const token = (await dialog.locator('.command-text').textContent()).trim()
    const status = () =>
      page.evaluate((k) => fetch('/api/v1/policies', { credentials: 'omit', headers: { Authorization: `Bearer ${k}` } }).then((r) => r.status), token)
    assert.equal(await status(), 200)
    await dialog.getByRole('button', { name: 'Done' }).click()
    await shot(page, 'settings-tokens')
    await page.getByRole('button', { name: `Revoke ${group}` }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
    await page.getByRole('button', { name: `Revoke ${group}` }).waitFor({ state: 'detached' })
    assert.equal(await status(), 401)
    for (const section of ['users', 'account', 'preferences', 'about']) {
      await page.goto(`/settings/${section}`)
      await settled(page)
      await shot(page, `settings-${section}`)
      await checkAccessible()
    }
    clean()
  })

  step('keyboard: palette, go to, search field, help', async () => {
    await page.goto('/')
    await heading('Dashboard').waitFor()
    await page.keyboard.press('Control+K')
    await page.getByPlaceholder('Pages, groups, policies, actions').fill(policy)
    const action = page.locator('.mantine-Spotlight-action', { hasText: new RegExp(`^${policy}$`) })
    await action.waitFor()
    await shot(page, 'palette')
    await action.click()
    await heading(policy).waitFor()
    await page.getByPlaceholder('Pages, groups, policies, actions').waitFor({ state: 'hidden' })
    await page.evaluate(() => document.activeElement?.blur())
    await page.keyboard.press('g')
    await page.keyboard.press('e')
    await heading('Events').waitFor()
    await page.keyboard.press('/')
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('aria-label')), 'Search paths, arguments, addresses')
    await page.keyboard.press('Escape')
    await page.evaluate(() => document.activeElement?.blur())
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
    await shot(page, 'shortcuts')
    await page.keyboard.press('Escape')
    clean()
  })

  // Once is enough: not before the demo's events too.
  if (process.env.LIMPET_EXPECT_EVENTS !== '1') {
    step('dark, and in Japanese, every page draws without an error', async () => {
      const places = {
        dashboard: '/', enforcers: '/enforcers', group: `/enforcers/groups/${group}?tab=effective`, policies: '/policies',
        policy: `/policies/${policy}`, events: '/events', audit: '/audit', settings: '/settings/users',
      }
      for (const [scheme, language] of [['dark', 'en'], ['light', 'ja']]) {
        await page.goto('/')
        await setLanguage(page, language)
        await setScheme(page, scheme)
        for (const [name, place] of Object.entries(places)) {
          await page.goto(place)
          await page.getByRole('heading', { level: 1 }).first().waitFor()
          await settled(page)
          assert.equal(await page.evaluate(() => document.documentElement.lang), language)
          assert.equal(await page.evaluate(() => document.documentElement.dataset.mantineColorScheme), scheme)
          if (scheme === 'dark' && language === 'en') await checkAccessible()
          await shot(page, `${name}-${scheme}-${language}`)
        }
      }
      await setLanguage(page, 'en')
      await setScheme(page, 'light')
      clean()
    })
  }

  step('what does not exist is said, with a way on', async () => {
    await page.goto('/policies/no-such-policy')
    await page.getByText('There is no such thing').waitFor()
    await page.goto('/no/such/page')
    await page.getByText('There is no such page').waitFor()
    clean()
  })

  step('the policy and the group are deleted again', async () => {
    await page.goto(`/enforcers/groups/${group}`)
    await page.getByRole('button', { name: 'Delete group' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete group' }).click()
    await heading('Enforcers').waitFor()
    await page.goto(`/policies/${policy}`)
    await page.getByRole('button', { name: 'Actions' }).click()
    await page.getByRole('menuitem', { name: 'Delete policy' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete policy' }).click()
    await heading('Policies').waitFor()
    assert.equal(await page.getByText(policy, { exact: true }).count(), 0)
    clean()
  })

  step('signing out ends the session', async () => {
    await page.getByRole('button', { name: 'Account' }).click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    await page.waitForURL(/\/login/)
    assert.equal(await page.evaluate(() => fetch('/api/v1/session').then((r) => r.status)), 401)
    clean()
  })
})
