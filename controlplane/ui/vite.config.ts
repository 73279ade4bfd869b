import react from '@vitejs/plugin-react'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import type { Plugin } from 'vite'

// dist/README.md is tracked, so that the Go embed finds the folder in a clean
// clone: everything else in dist goes before a build, that file stays.
function emptyDistButReadme(): Plugin {
  return {
    name: 'limpet-empty-dist',
    apply: 'build',
    buildStart() {
      const dist = join(import.meta.dirname, 'dist')
      if (!existsSync(dist)) return
      for (const name of readdirSync(dist)) {
        if (name !== 'README.md') rmSync(join(dist, name), { recursive: true, force: true })
      }
    },
  }
}

// `npm run dev` serves the sources and sends the API to a running server.
const api = process.env.LIMPET_URL ?? 'https://127.0.0.1:8443'

export default defineConfig({
  plugins: [react(), emptyDistButReadme()],
  build: {
    outDir: 'dist',
    emptyOutDir: false,
    target: 'es2022',
    assetsInlineLimit: 0, // the CSP allows no data: scripts or fonts
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 900,
    manifest: true,
  },
  server: { proxy: { '/api': { target: api, secure: false } } },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/setup.test-env.ts'],
  },
})
