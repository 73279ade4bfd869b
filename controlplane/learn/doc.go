// Package learn makes policies out of what workloads were seen to do, and
// tries policies on it.
//
// It takes the items of profiles (what enforcers of a learning group handed
// in) and recorded events, and gives how far the learning has come
// (Readiness), a least-privilege policy with the evidence of each line
// (Propose), and what a policy would have stopped (Simulate). Verdicts are
// those of package verdict: the engine that enforcers run.
//
// Every string in an item may have been chosen by an attacker. A proposal is a
// draft for a person: what the base controls speak against is never allowed
// silently, it is written down as such. The package does no input or output.
package learn
