// Package intercept holds the words between the mechanisms that stop a task
// (intercept/notify, tracer and watcher) and whoever judges it.
//
// A mechanism fills an action, asks a Judge, and carries the Answer out on
// the copy it judged, never on memory that the caller can still change. It
// knows no policy.
package intercept
