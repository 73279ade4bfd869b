// Says how much the first route costs over the wire, and fails if it is more
// than the budget: the page, its scripts and styles, the frame and the
// dashboard, in one language, each file as gzip makes it (level 6).
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const budget = 350 * 1024
const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const dist = join(root, 'dist')
const list = join(dist, '.vite', 'manifest.json')
if (!existsSync(list)) {
  console.error('size: the console is not built; run npm run build first')
  process.exit(1)
}
const manifest = JSON.parse(readFileSync(list, 'utf8'))

const files = new Set(['index.html', 'theme.js', 'favicon.svg'])
function take(key) {
  const chunk = manifest[key]
  if (!chunk) throw new Error(`size: ${key} is not in the manifest`)
  if (files.has(chunk.file)) return
  files.add(chunk.file)
  for (const css of chunk.css ?? []) files.add(css)
  for (const next of chunk.imports ?? []) take(next)
}
take('index.html')
take('src/pages/dashboard/Dashboard.tsx')
take('src/app/Palette.tsx')

const sizes = [...files].map((f) => [f, gzipSync(readFileSync(join(dist, f)), { level: 6 }).length]).sort((a, b) => b[1] - a[1])
const total = sizes.reduce((n, [, s]) => n + s, 0)
for (const [f, s] of sizes.slice(0, process.argv.includes('-v') ? undefined : 5)) console.log(`${String(s).padStart(8)}  ${f}`)
console.log(`first route: ${(total / 1024).toFixed(1)} KiB gzip in ${files.size} files; budget ${budget / 1024} KiB`)
if (total > budget) {
  console.error('size: the first route is over its budget')
  process.exit(1)
}
