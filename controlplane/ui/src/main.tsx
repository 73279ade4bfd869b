import '@mantine/core/styles.css'
import '@mantine/notifications/styles.css'
import '@mantine/spotlight/styles.css'
import './app/app.css'
import { createRoot } from 'react-dom/client'
import { App } from './app/App'
import { startLanguage } from './i18n'

const root = document.getElementById('root')
if (root) {
  void startLanguage().then(() => createRoot(root).render(<App />))
}
