// The rules for a password, the same that the server holds to
// (controlplane/access).
export const minPassword = 12 // characters
export const maxPassword = 256 // bytes

export interface Rule {
  id: 'length' | 'notName'
  ok: boolean
}

export function passwordRules(password: string, username: string): Rule[] {
  const bytes = new TextEncoder().encode(password).length
  return [
    { id: 'length', ok: [...password].length >= minPassword && bytes <= maxPassword },
    { id: 'notName', ok: password !== '' && password.toLowerCase() !== username.trim().toLowerCase() },
  ]
}

export function passwordOK(password: string, username: string): boolean {
  return passwordRules(password, username).every((r) => r.ok)
}
