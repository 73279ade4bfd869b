import type { Finding, FindingState } from '../../api/types'

export const tones: Record<FindingState, string> = { open: 'red', acknowledged: 'blue', muted: 'gray' }

// ruleOf names policy and rule; self protection has no policy.
export const ruleOf = (f: Pick<Finding, 'policy' | 'rule'>) => [f.policy, f.rule].filter(Boolean).join(' · ')
