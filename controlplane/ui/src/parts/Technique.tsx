import { Badge } from '@mantine/core'
import { Mono } from './Mono'
import { attack, techniques } from './techniques'

// Technique names an ATT&CK technique, with the address of its description as
// text: the console links to nothing outside by itself.
export function Technique({ id, address }: { id?: string; address?: boolean }) {
  if (!id) return null
  return (
    <div>
      <Badge color="gray" variant="default">
        {id}
      </Badge>{' '}
      {techniques[id] && <span lang="en">{techniques[id]}</span>}
      {address && (
        <div>
          <Mono value={attack(id)} copy wrap />
        </div>
      )}
    </div>
  )
}
