// The roles, as controlplane/access has them.
export const roles = ['administrator', 'security', 'developer', 'auditor', 'worker'] as const
