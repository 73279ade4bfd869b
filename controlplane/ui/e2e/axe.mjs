import axe from 'axe-core'

import { still } from './browser.mjs'

// inaccessible gives what axe finds wrong with the page, serious things only.
// The script goes in by the debugger: the page's CSP does not apply to it. What
// is found is looked at once more: a notification can begin to fade meanwhile.
export async function inaccessible(page) {
  await page.evaluate(axe.source)
  const found = await wrong(page)
  if (found.length === 0) return found
  await still(page)
  return wrong(page)
}

function wrong(page) {
  return page.evaluate(async () => {
    const r = await globalThis.axe.run(document, { resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa'] })
    return r.violations
      .filter((v) => v.impact === 'serious' || v.impact === 'critical')
      .map((v) => ({ id: v.id, help: v.help, at: v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} ${n.any[0]?.message ?? ''}`) }))
  })
}
