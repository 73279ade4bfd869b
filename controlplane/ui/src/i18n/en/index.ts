import { common } from './common'
import { controls } from './controls'
import { enforcers } from './enforcers'
import { events } from './events'
import { policies } from './policies'
import { settings } from './settings'

export const en = { ...common, ...enforcers, ...policies, ...events, ...settings, controls }
