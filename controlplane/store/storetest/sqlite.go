package storetest

import (
	"path/filepath"
	"testing"
)

// SQLite gives the address of a database that does not exist yet.
func SQLite(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "limpet.db")
}
