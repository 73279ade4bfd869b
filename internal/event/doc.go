// Package event is the words of what enforcers report: helpers around
// eventpb, the event's wire form (event.proto).
//
// It makes identifiers, finds ATT&CK techniques, writes the sentence that a
// person reads, cuts what is too long, hides secrets in command lines, and
// encodes JSON lines. What a workload says (paths, arguments, addresses) is
// never trusted: it is bounded and made valid UTF-8 here. The package does no
// input or output and holds no state.
package event
