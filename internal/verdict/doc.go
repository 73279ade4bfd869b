// Package verdict judges actions by runtime policies: action in, allow,
// audit or deny out, with the rule that said so.
//
// It takes parsed policies and a description of the workload, and gives an
// Engine: compiled tables that never change, safe for concurrent use, with no
// input or output, no clock and no allocation on the way to a verdict. It
// trusts that actions are what the mechanism saw; it owns how policies
// combine:
//
//   - The mode of a control in a policy is the weaker of the policy's own and
//     the group's; before enforceAfterDays have passed it is at most audit.
//   - Every policy in scope is asked by itself and the strongest answer holds.
//     So deny wins over allow, allow lists intersect, and the strictest limit
//     holds, in whatever order the policies stand.
//   - An exception counts only in the policy that holds it.
//
// Among violations the decision names the one with the stronger verdict, then
// the stronger response (stopContainer, killProcess, deny), then the control
// that stands earlier in policy.Registry, then the policy whose name sorts
// first, then the rule that stands first in it.
package verdict
