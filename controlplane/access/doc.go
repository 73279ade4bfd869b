// Package access decides who may do what: people's passwords and sessions,
// API tokens, join token secrets, and the roles that give permissions.
//
// It takes credentials as they arrive and gives a Principal, which carries
// tenant, name and permissions. It trusts the store's rows and nothing that
// a request says about itself. It owns the forms of secrets: only hashes of
// them are stored, and none is ever logged.
package access
