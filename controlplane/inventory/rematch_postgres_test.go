//go:build postgres

package inventory_test

import (
	"testing"

	"github.com/limpet-security/limpet/controlplane/store/storetest"
)

// BenchmarkRematchManyPostgres is BenchmarkRematchMany on a real PostgreSQL server.
func BenchmarkRematchManyPostgres(b *testing.B) {
	rematchMany(b, "pgx", storetest.StartPostgres(b).Database(b))
}
