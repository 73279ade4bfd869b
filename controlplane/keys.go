package controlplane

import (
	"context"
	"errors"
	"fmt"

	"github.com/limpet-security/limpet/controlplane/authority"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
)

// keyStore keeps sealed keys in the database.
type keyStore struct{ store *store.Store }

var _ authority.KeyStore = keyStore{}

func (k keyStore) LoadKey(ctx context.Context, t, name string) ([]byte, error) {
	b, err := k.store.Key(ctx, tenant.ID(t), name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("%s: %w", name, authority.ErrNoKey)
	}
	return b, err
}

func (k keyStore) SaveKey(ctx context.Context, t, name string, sealed []byte) error {
	err := k.store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		return tx.AddKey(ctx, tenant.ID(t), name, sealed)
	})
	if errors.Is(err, store.ErrExists) {
		return fmt.Errorf("%s: %w", name, authority.ErrKeyExists)
	}
	return err
}
