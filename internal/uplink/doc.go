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
// Run owns all of them and returns when they have ended: the pump (spool and
// pushes; it makes one call at a time in a goroutine of its own, which it waits
// for), one that pulls bundles, one for heartbeats and renewal.
//
// The queue's mutex is the only one that Record takes. It is never held during
// a call, a write to disk or another lock. The spool belongs to the pump alone
// and needs none. The identity is replaced whole, by an atomic pointer.
package uplink
