import { setNonce } from 'get-nonce'

// The server puts a fresh nonce into each page; only style elements that
// carry it are let through by the Content-Security-Policy. Mantine, the
// editor and react-remove-scroll (by get-nonce) make such elements.
export const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? ''

if (nonce) setNonce(nonce)
