// Package platform says what each control does on each kind of host: the
// table behind the policy form, `limpet policy platforms` and
// docs/PLATFORMS.md.
//
// It takes nothing and gives a Table. The table is not written by hand: a test
// of package enforcer makes platforms.json by asking the code that answers
// `microenforcer status` what it would say on each host under every.yaml, which
// sets every control, and fails when the file is stale. A Docker test of the
// MicroEnforcer runs the real program under a profile that imitates each host
// and holds its answer against the table.
//
// What stands here is what to expect before anything runs. What an enforcer
// found on its own host is in its heartbeat, and that counts.
package platform
