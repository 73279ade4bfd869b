import { common } from './common'
import { controls } from './controls'
import { enforcers } from './enforcers'
import { events } from './events'
import { learning } from './learning'
import { policies } from './policies'
import { settings } from './settings'

export const en = { ...common, ...enforcers, ...policies, ...events, ...settings, ...learning, controls }
