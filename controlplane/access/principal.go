package access

import (
	"context"
	"slices"

	"github.com/limpet-security/limpet/internal/tenant"
)

// Principal is who makes a request.
type Principal struct {
	Tenant      tenant.ID
	Name        string // user name, or "token:" and the token's name
	Person      string // who answers for it: the user, of a token who made it
	Roles       []string
	Permissions []Permission
	Session     bool   // signed in by cookie: changes need the CSRF token
	CSRF        string // of the session
}

// NewPrincipal gives a principal the permissions of its roles.
func NewPrincipal(t tenant.ID, name string, roles []string) Principal {
	return Principal{Tenant: t, Name: name, Person: name, Roles: roles, Permissions: Permissions(roles)}
}

// May says whether p has a permission.
func (p Principal) May(want Permission) bool {
	switch want {
	case Public:
		return true
	case SignedIn:
		return p.Name != ""
	}
	return slices.Contains(p.Permissions, want)
}

// MayGrant says whether every permission of roles is p's own: nobody hands
// out more than they have.
func (p Principal) MayGrant(roles []string) bool {
	for _, want := range Permissions(roles) {
		if !p.May(want) {
			return false
		}
	}
	return true
}

type principalKey struct{}

// With puts p into a context.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// From takes the principal out of a context; the zero Principal may nothing.
func From(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}
