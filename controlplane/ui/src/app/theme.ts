import { createTheme, type MantineColorsTuple } from '@mantine/core'

// The shell's colour: a quiet sea green, dark enough for white text from 6 on.
const limpet: MantineColorsTuple = [
  '#e8f6f5', '#d3e9e7', '#a5d3cf', '#73bcb6', '#4ba9a1', '#329d94', '#1f8f86', '#12736f', '#0d5f5c', '#054b48',
]

// No font is fetched: what the system has, Japanese faces included.
export const sans =
  'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Hiragino Sans", "Noto Sans JP", "Noto Sans CJK JP", "Yu Gothic UI", Meiryo, sans-serif'
export const mono = 'ui-monospace, SFMono-Regular, "SF Mono", Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", "Noto Sans Mono CJK JP", monospace'

export const theme = createTheme({
  primaryColor: 'limpet',
  primaryShade: { light: 7, dark: 7 },
  colors: { limpet },
  fontFamily: sans,
  fontFamilyMonospace: mono,
  defaultRadius: 'sm',
  cursorType: 'pointer',
  focusRing: 'auto',
  respectReducedMotion: true,
  autoContrast: true,
  headings: {
    fontWeight: '600',
    sizes: {
      h1: { fontSize: '1.375rem', lineHeight: '1.35' },
      h2: { fontSize: '1.0625rem', lineHeight: '1.4' },
      h3: { fontSize: '0.9375rem', lineHeight: '1.45' },
    },
  },
  components: {
    Button: { defaultProps: { size: 'sm' } },
    TextInput: { defaultProps: { size: 'sm' } },
    Select: { defaultProps: { size: 'sm', comboboxProps: { shadow: 'md' } } },
    Badge: { defaultProps: { radius: 'sm', variant: 'light' }, styles: { label: { textTransform: 'none', fontWeight: 600 } } },
    Paper: { defaultProps: { withBorder: true, radius: 'md' } },
    Tooltip: { defaultProps: { withArrow: true, openDelay: 250, multiline: true, maw: 360 } },
    Modal: { defaultProps: { centered: true, radius: 'md' } },
    Table: { defaultProps: { verticalSpacing: 7, horizontalSpacing: 'sm' } },
    Tabs: { defaultProps: { keepMounted: false } },
  },
})
