import type { en } from '../en'
import { assurance } from './assurance'
import { common } from './common'
import { controls } from './controls'
import { database } from './database'
import { enforcers } from './enforcers'
import { events } from './events'
import { inventory } from './inventory'
import { learning } from './learning'
import { policies } from './policies'
import { registries } from './registries'
import { scans } from './scans'
import { settings } from './settings'

// Words makes the compiler refuse a translation with a key missing. Japanese
// has one plural form: a key ending in _zero or _one is not needed.
type Words<T> = {
  [K in keyof T as K extends `${string}_one` ? never : K]: T[K] extends string ? string : Words<T[K]>
}

export const ja: Words<typeof en> = { ...common, ...enforcers, ...policies, ...events, ...settings, ...scans, ...registries, ...learning, ...inventory, ...assurance, ...database, controls }
