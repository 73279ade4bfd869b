// What a role may not do is not offered, and is refused if it is tried.
// LIMPET_URL, LIMPET_USER, LIMPET_PASSWORD: as in console.test.mjs, which
// runs first and creates the administrator.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openPage, settled, shot, startBrowser } from './browser.mjs'

const url = (process.env.LIMPET_URL ?? '').replace(/\/$/, '')
const admin = process.env.LIMPET_USER ?? 'administrator'
const password = process.env.LIMPET_PASSWORD ?? 'harbour-wall-at-low-tide'
const developer = `developer-${Date.now().toString(36)}`

describe('roles', { timeout: 120_000 }, () => {
  let browser, owner, other

  const signIn = async (page, user) => {
    await page.goto('/login')
    await page.getByLabel('User name').fill(user)
    await page.getByRole('textbox', { name: 'Password' }).fill(password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'Dashboard', level: 1 }).waitFor()
  }

  before(async () => {
    browser = await startBrowser()
    owner = await openPage(browser, url, { expected: [401, 403] })
    other = await openPage(browser, url, { expected: [401, 403] })
  })
  after(async () => {
    await browser?.close()
  })

  test('an administrator adds a user who may only look', async () => {
    const { page, faults } = owner
    await signIn(page, admin)
    await page.goto('/settings/users')
    await page.getByRole('button', { name: 'Add user' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('User name').fill(developer)
    await dialog.getByLabel('Password', { exact: true }).fill(password)
    await dialog.getByText('Developer', { exact: true }).waitFor() // the role that is offered first
    await dialog.getByRole('button', { name: 'Save', exact: true }).click()
    await page.getByRole('button', { name: `Edit ${developer}` }).waitFor()
    assert.deepEqual(faults, [])
  })

  test('a developer is offered no change', async () => {
    const { page, faults } = other
    await signIn(page, developer)
    assert.equal(await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Policies' }).count(), 1)
    assert.equal(await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Audit record' }).count(), 0)
    for (const [place, button] of [['/enforcers', 'Add enforcer group'], ['/policies', 'Add policy'], ['/settings/tokens', 'New API token'], ['/settings/users', 'Add user']]) {
      await page.goto(place)
      await page.getByRole('heading', { level: 1 }).first().waitFor()
      await settled(page)
      assert.equal(await page.getByRole('button', { name: button }).count(), 0, `${button} is not offered`)
    }
    await page.goto('/policies/default')
    await page.getByRole('heading', { name: 'default', level: 1 }).waitFor()
    assert.equal(await page.getByRole('button', { name: 'Review and save' }).count(), 0)
    await shot(page, 'policy-read-only')
    const status = await page.evaluate(async () => {
      const session = await (await fetch('/api/v1/session')).json()
      const res = await fetch('/api/v1/groups', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': session.csrfToken },
        body: JSON.stringify({ name: 'not-mine' }),
      })
      return res.status
    })
    assert.equal(status, 403)
    assert.deepEqual(faults, [])
  })

  test('a change without the CSRF token is refused', async () => {
    const { page } = owner
    const status = await page.evaluate(() => fetch('/api/v1/groups', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"name":"forged"}' }).then((r) => r.status))
    assert.equal(status, 403)
  })

  test('a deleted user is signed out', async () => {
    await owner.page.goto('/settings/users')
    await owner.page.getByRole('button', { name: `Delete ${developer}` }).click()
    await owner.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await owner.page.getByRole('button', { name: `Edit ${developer}` }).waitFor({ state: 'detached' })
    await other.page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Events' }).click()
    await other.page.waitForURL(/\/login/)
    assert.deepEqual(owner.faults, [])
    assert.deepEqual(other.faults, [])
  })
})
