// Package enforcer is the loop that every enforcer shares: a thread is
// stopped and asks (package intercept), the policy answers (verdict, drift),
// the answer goes back and an event goes out (Recorder).
//
// It takes questions from a mechanism and a compiled policy that may be
// exchanged at any moment (SetEngine); it gives answers, events and the truth
// about every control (Status). It trusts the mechanism's word about what was
// looked at and nothing that the application can write. It owns the digest
// cache, the table of running programs (for lineage in events) and the windows
// in which equal events are counted.
//
// # What a question may cost
//
// Judge's methods run on the thread that holds the stopped task. To allow
// costs no allocation and no lock beyond the digest cache. To report costs one
// event: the lineage is read from /proc at once, because the process may be
// gone a moment later, and only from files that cannot block (stat, status, the
// exe link). An equal event within the window costs one map lookup. Nothing
// here waits for the network, for a disk that is written, or for a reader of
// the events.
//
// A panic in a verdict answers no: the call fails, the panic is an event.
//
// # Goroutines and locks
//
// Run closes coalescing windows until its context ends; Lines has one writer.
// The locks of coalescer, lineage, users and Lines are leaves: none is held
// while another is taken, and none while an event is handed on.
package enforcer
