// Package tenant names the owner of a row. Every table of the control plane
// carries a tenant, and every query is scoped by one.
//
// It is plain data: it opens nothing and trusts nothing.
package tenant
