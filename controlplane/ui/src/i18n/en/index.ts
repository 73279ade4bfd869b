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

export const en = { ...common, ...enforcers, ...policies, ...events, ...settings, ...scans, ...registries, ...learning, ...inventory, ...assurance, ...database, controls }
