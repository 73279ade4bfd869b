// Starts Chromium and watches a page: every error of the console, every
// exception and every breach of the Content-Security-Policy is kept, so that
// a test can say that there was none.
import { chromium } from 'playwright-core'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

const flags = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
]

export async function startBrowser() {
  return chromium.launch({ executablePath: process.env.LIMPET_CHROMIUM ?? '/usr/bin/chromium', args: flags })
}

// What the browser itself says of an answer that is not 2xx. Tests that
// expect such an answer name its status; any other is an error.
const notLoaded = /Failed to load resource: .* status of (\d+)/

export async function openPage(browser, url, { expected = [401], ...options } = {}) {
  const context = await browser.newContext({
    baseURL: url,
    ignoreHTTPSErrors: true, // the server's certificate comes from the install's own CA
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    timezoneId: 'UTC',
    ...options,
  })
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: new URL(url).origin })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const faults = []
  page.on('console', (m) => {
    if (m.type() !== 'error' && m.type() !== 'warning') return
    const status = notLoaded.exec(m.text())?.[1]
    if (status && expected.includes(Number(status))) return
    // Networks that come and go on this machine (Docker's) cut connections.
    if (m.text().includes('net::ERR_NETWORK_CHANGED')) return
    faults.push(`${m.type()}: ${m.text()} (${m.location().url})`)
  })
  page.on('pageerror', (e) => faults.push(`exception: ${e.message}`))
  page.on('request', (r) => {
    if (!r.url().startsWith(url) && !r.url().startsWith('data:') && !r.url().startsWith('blob:')) faults.push(`request to another place: ${r.url()}`)
  })
  await page.addInitScript(() => {
    window.addEventListener('securitypolicyviolation', (e) => {
      console.error(`CSP: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`)
    })
  })
  return { context, page, faults }
}

// shot takes a picture for people to look at, if LIMPET_SHOTS names a folder.
export async function shot(page, name) {
  await still(page)
  const dir = process.env.LIMPET_SHOTS
  if (!dir) return
  mkdirSync(dir, { recursive: true })
  await page.screenshot({ path: join(dir, `${name}.png`) })
}

// still waits until transitions have ended. One can begin a few frames after
// what caused it; what goes on for ever (a loader) is not waited for.
export async function still(page) {
  await page.evaluate(async () => {
    const frame = () => new Promise((r) => requestAnimationFrame(r))
    const moving = () => document.getAnimations().some((a) => a.playState === 'running' && a.effect?.getComputedTiming().endTime !== Infinity)
    for (let quiet = 0; quiet < 4; quiet = moving() ? 0 : quiet + 1) await frame()
  })
}

// visit goes to a page and waits until the console has drawn it. A network of
// this machine that comes or goes (Docker's) can cut the connection on which a
// script comes: then the page is asked for again.
export async function visit(page, place) {
  const drawn = page.getByRole('heading', { level: 1 }).first()
  for (let n = 0; ; n++) {
    await page.goto(place).catch((e) => {
      if (n >= 4) throw e
    })
    try {
      await drawn.waitFor({ timeout: 30_000 })
      return
    } catch (e) {
      if (n >= 4) throw e
    }
  }
}

// quiet waits until skeletons are gone.
export async function settled(page) {
  await page.waitForFunction(() => document.querySelector('.mantine-Skeleton-root') === null)
}

export async function setScheme(page, scheme) {
  await page.evaluate((s) => localStorage.setItem('limpet-color-scheme', s), scheme)
  await page.reload()
}

export async function setLanguage(page, language) {
  await page.evaluate((l) => localStorage.setItem('limpet-language', l), language)
  await page.reload()
}
