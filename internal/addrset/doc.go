// Package addrset holds sets of IPv4 and IPv6 addresses: sorted ranges that do
// not touch, searched in halves.
//
// Add and AddRange put addresses in, Seal makes the set ready, Has looks one up
// without allocating. Append writes a sealed set in few bytes (three for each
// of 100,000 scattered IPv4 addresses) and Read reads it back; what Read is
// given may come from anybody. The package owns nothing.
package addrset
