package controlplane

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/audit"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
)

// TokenRequest says what token to make.
type TokenRequest struct {
	Data, Database string // as in Config
	Name           string
	Roles          []string
	Life           time.Duration // not positive: until it is ended
}

// CreateToken makes an API token in the database itself, for whoever owns the
// data folder. The server may run.
func CreateToken(ctx context.Context, r TokenRequest) (secret string, err error) {
	c, err := Config{Data: r.Data, Database: r.Database}.withDefaults()
	if err != nil {
		return "", err
	}
	if r.Name == "" || len(r.Name) > 64 || len(r.Roles) == 0 {
		return "", fmt.Errorf("cannot make token: want a name of 1 to 64 bytes and a role")
	}
	for _, role := range r.Roles {
		if !access.IsRole(role) {
			return "", fmt.Errorf("cannot make token: there is no role %q; roles are administrator, security, developer, auditor and worker", role)
		}
	}
	if _, err := os.Stat(c.Data); err != nil {
		return "", fmt.Errorf("cannot make token: %w", err)
	}
	st, err := store.Open(ctx, c.Database)
	if err != nil {
		return "", err
	}
	defer func() { _ = st.Close() }()
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("cannot make identifier: %w", err)
	}
	secret, shown, hash := access.NewSecret(access.APITokenPrefix)
	row := store.APIToken{ID: id.String(), Name: r.Name, Prefix: shown, Hash: hash, Roles: r.Roles, CreatedBy: "data folder"}
	if r.Life > 0 {
		row.ExpiresAt = time.Now().Add(r.Life).UnixNano()
	}
	err = st.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.InitInstall(ctx); err != nil {
			return err
		}
		if _, err := tx.AddAPIToken(ctx, tenant.Default, row); err != nil {
			return err
		}
		return audit.Write(ctx, tx, tenant.Default, audit.Change{
			Actor: "data folder", Action: "create", Kind: "token", Name: r.Name, After: map[string]any{"roles": r.Roles, "prefix": shown},
		})
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}
