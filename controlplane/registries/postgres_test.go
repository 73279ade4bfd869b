//go:build postgres

package registries

import (
	"testing"

	"github.com/limpet-security/limpet/controlplane/store/storetest"
)

// TestSyncPostgres runs TestSync on a real PostgreSQL server.
func TestSyncPostgres(t *testing.T) {
	testSync(t, storetest.StartPostgres(t).Database(t))
}
