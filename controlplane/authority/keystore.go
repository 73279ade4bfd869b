package authority

import (
	"context"
	"errors"
)

// KeyStore keeps sealed values. Install-wide keys have the tenant "".
type KeyStore interface {
	// LoadKey gives what SaveKey stored, or an error that wraps ErrNoKey.
	LoadKey(ctx context.Context, tenant, name string) ([]byte, error)
	// SaveKey stores a value under a name that has none yet. If there is one
	// it changes nothing and gives an error that wraps ErrKeyExists: of two
	// servers that start at once on one database, one makes the CA and the
	// other loads it.
	SaveKey(ctx context.Context, tenant, name string, sealed []byte) error
}

// Errors of a KeyStore.
var (
	ErrNoKey     = errors.New("no such key")
	ErrKeyExists = errors.New("key exists")
)
