// Package probe finds out what this kernel, under this container's seccomp
// profile and capabilities, really lets an enforcer do. It believes no version
// number: everything is tried in a throw-away child, because a filter can
// never be taken off again.
//
// It takes nothing and gives a Report. It trusts the behaviour it sees, and
// owns its children until Run returns. Every main that calls Run must call
// Main first, because the child is this program started again.
//
// Run takes some milliseconds; the engine does not wait for it (it adopts each
// facility when it first uses it), so it can run beside the application.
package probe
