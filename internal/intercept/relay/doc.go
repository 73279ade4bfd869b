// Package relay stands in outbound connections to ports that mining pools use
// and looks at the first words of the program: the JSON-RPC of miners
// (stratum), or the server's name in a TLS hello. Everything else is carried
// both ways unread.
//
// It takes a Judge and connections that package notify points here (Begin,
// Expect); it gives the outcome of the connection that was meant, before the
// program is told of its own. It trusts nothing that either side says. It owns
// its sockets, its goroutines and the connections that it carries, all
// bounded, and makes none of them before the first.
//
// What it does not see: pools on other ports than these, TLS that hides the
// server's name, words after the first.
package relay
