// Package resolve is the name server that stands between a workload and its
// own: package notify points the sockets with which the workload asks there,
// every question is parsed, asked of a Judge, written anew and passed on to
// the server that was meant, and what the answer says about addresses is kept.
//
// It takes a Judge, the container's resolv.conf and hosts as they were before
// the workload ran, and sockets to be pointed elsewhere (Redirect, Register).
// It gives the names by which an address is known (Names). It trusts the
// workload's own name servers; answers of others are passed on, but nothing is
// learned from them. It owns its sockets, goroutines and tables, all bounded,
// and makes none of them before the first question (or Prepare).
//
// # A question
//
//	workload      notify                       resolve                server S
//	connect S:53  connects the duplicate to -> endpoint of S
//	send, write   --------------------------> parse, Judge, write anew ----> S
//	recvfrom      <- S:53 as the sender <----- parse, Judge, learn <--------
//
// Nothing of the application's bytes leaves but the question itself (name,
// type, and the flags RD, CD, AD, DO), so that neither EDNS options nor
// trailing bytes carry data. What is denied is answered NXDOMAIN, what looks
// like a tunnel REFUSED, malformed questions FORMERR, everything but a plain
// question NOTIMP, zone transfers REFUSED.
//
// # Who is believed
//
// An address counts as a name's when one of the name servers in resolv.conf
// said so; one on loopback is believed only if it is Docker's or systemd's, as
// any other may be the workload's own. A name counts for its TTL, at least
// minHold; after that it is asked again when somebody connects. All names of a
// CNAME chain count.
//
// # Locks
//
// Resolver.mu, table.mu, cache.mu, tunnels.mu and endpoint.mu are leaves; none
// is held while the Judge is asked or a packet is awaited.
package resolve
