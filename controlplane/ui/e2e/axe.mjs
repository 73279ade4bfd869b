import axe from 'axe-core'

// accessible gives what axe finds wrong with the page, serious things only.
// The script goes in by the debugger: the page's CSP does not apply to it.
export async function inaccessible(page) {
  await page.evaluate(axe.source)
  const found = await page.evaluate(async () => {
    const r = await globalThis.axe.run(document, { resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa'] })
    return r.violations
      .filter((v) => v.impact === 'serious' || v.impact === 'critical')
      .map((v) => ({ id: v.id, help: v.help, at: v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} ${n.any[0]?.message ?? ''}`) }))
  })
  return found
}
