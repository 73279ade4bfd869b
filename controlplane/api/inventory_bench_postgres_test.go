//go:build postgres

package api

import (
	"testing"

	"github.com/limpet-security/limpet/controlplane/store/storetest"
)

// BenchmarkInventoryListsPostgres is BenchmarkInventoryLists on a real PostgreSQL server.
func BenchmarkInventoryListsPostgres(b *testing.B) {
	inventoryLists(b, "pgx", storetest.StartPostgres(b).Database(b))
}
