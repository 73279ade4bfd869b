//go:build postgres

package api

import (
	"testing"

	"github.com/limpet-security/limpet/controlplane/store/storetest"
)

// BenchmarkListsPostgres is BenchmarkLists on a real PostgreSQL server.
func BenchmarkListsPostgres(b *testing.B) {
	benchmarkLists(b, "pgx", storetest.StartPostgres(b).Database(b))
}
