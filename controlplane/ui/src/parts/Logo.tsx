// Logo is the mark of the product: a limpet's shell, seen from the side.
export function Logo({ size = 26 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path d="M16 4 L29 25 Q16 30 3 25 Z" fill="var(--mantine-color-limpet-7)" />
      <g fill="none" stroke="#fff" strokeWidth="1.6" strokeLinecap="round" opacity=".85">
        <path d="M16 8 V26.4" />
        <path d="M14.6 10.6 L9.4 25.6" />
        <path d="M17.4 10.6 L22.6 25.6" />
      </g>
    </svg>
  )
}
