// Package client calls the HTTP API of a control plane, and applies documents
// (RuntimePolicy, EnforcerGroup) to it: what the limpet command is made of.
//
// It takes an address, an API token and the CA to trust; it gives parsed
// answers, and errors that say what the server said. It trusts the server's
// answers no further than their size. It owns the EnforcerGroup document.
package client
