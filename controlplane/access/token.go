package access

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/limpet-security/limpet/controlplane/store"
)

// usedEvery is how often the time of a token's last use is written.
const usedEvery = time.Minute

// ErrToken reports an API token that is unknown or has expired.
var ErrToken = errors.New("token is not valid")

// FindToken gives the principal behind an API token, or ErrToken.
func FindToken(ctx context.Context, st *store.Store, secret string, now time.Time) (Principal, error) {
	if !strings.HasPrefix(secret, APITokenPrefix) || len(secret) > 128 {
		return Principal{}, ErrToken
	}
	row, err := st.APITokenAnyTenant(ctx, HashSecret(secret), now)
	if errors.Is(err, store.ErrNotFound) {
		return Principal{}, ErrToken
	}
	if err != nil {
		return Principal{}, err
	}
	if now.Sub(store.Time(row.LastUsedAt)) > usedEvery {
		err := st.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
			return tx.APITokenUsed(ctx, row.Tenant, row.ID, now)
		})
		if err != nil { // not worth failing the request
			slog.WarnContext(ctx, "cannot note use of token", "error", err)
		}
	}
	p := NewPrincipal(row.Tenant, "token:"+row.Name, row.Roles)
	if row.CreatedBy != "" {
		p.Person = row.CreatedBy
	}
	return p, nil
}
