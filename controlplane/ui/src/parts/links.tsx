import { Anchor, Button, type AnchorProps, type ButtonProps } from '@mantine/core'
import { createLink } from '@tanstack/react-router'
import type { AnchorHTMLAttributes, Ref } from 'react'

// Mantine's anchor and button as links of the router, with typed addresses.

type A = Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'color' | 'style'> & { ref?: Ref<HTMLAnchorElement> }

function MantineAnchor(props: AnchorProps & A) {
  return <Anchor {...props} />
}

function MantineButton(props: ButtonProps & A) {
  return <Button component="a" {...props} />
}

export const AnchorLink = createLink(MantineAnchor)
export const ButtonLink = createLink(MantineButton)
