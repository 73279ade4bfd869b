// Package uplink is the enforcer's end of the link to the control plane: it
// enrols, keeps the identity fresh, sends heartbeats, pulls the policy bundle
// and delivers events.
//
// It takes a Config and events (Record), gives bundles to Config.OnBundle, and
// trusts exactly one CA. The enforcer never waits for it: Record does not
// block, verdicts do not ask it, and a control plane that is away changes
// nothing but how full the queue is.
//
// # Events
//
// Record gives each event the next sequence number of this boot and puts it
// into a queue that is bounded by count and by bytes. With Config.Dir the
// queue is a spool on disk, which survives a restart of the enforcer; without,
// it is memory. An event leaves the queue when the control plane has said that
// it is committed. When the queue is full the newest event is dropped and
// counted; the count travels as an event of KIND_DROPPED as soon as there is
// room. Always, at rest: recorded = acknowledged + dropped + queued.
//
// # Goroutines
//
// Run owns all of them and returns when they have ended: one that writes the
// spool, one that pushes events, one that pulls bundles, one for heartbeats and
// renewal. One mutex guards the queue, one the identity; neither is held
// during a call or a write to disk, and none is taken while the other is held.
package uplink
