import type { ReactNode } from 'react'

// Fact is one line of a list of facts; what is not known has no line.
export function Fact({ name, children }: { name: string; children?: ReactNode }) {
  if (children === undefined || children === null || children === false || children === '') return null
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  )
}
