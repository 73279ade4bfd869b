// Sets the colour scheme before the first paint, so that a dark console does
// not flash white. A file of its own, because the CSP forbids inline scripts.
;(function () {
  var scheme = 'auto'
  try {
    scheme = localStorage.getItem('limpet-color-scheme') || 'auto'
  } catch {
    /* storage is closed: follow the system */
  }
  if (scheme !== 'light' && scheme !== 'dark') {
    scheme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
  }
  document.documentElement.setAttribute('data-mantine-color-scheme', scheme)
})()
