import type { ExceptionState } from '../../api/assurance'

export const tones: Record<ExceptionState, string> = { requested: 'blue', approved: 'limpet', refused: 'red', revoked: 'gray', expired: 'orange' }
