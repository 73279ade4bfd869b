// Package reputation reads lists of addresses and host names with a bad name,
// as people publish them, and holds them so that a look-up is quick and small.
//
// Parse takes text (an address, network, range or name on each line, with
// comments; or CSV) and gives a List, or every line that is wrong. A List is
// packed into a signed bundle (Packed) and opened by the enforcer (Open):
// 100,000 scattered IPv4 addresses travel in about 300 kB and lie in 800 kB of
// memory. HasAddr and HasName do not allocate.
//
// Both the text and the packed bytes may come from anybody: sizes are bounded,
// and what is not a list is an error. The package does no input or output.
package reputation
