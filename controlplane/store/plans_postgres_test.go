//go:build postgres

package store

import (
	"testing"

	"github.com/limpet-security/limpet/controlplane/store/storetest"
)

// TestPlansPostgres is TestPlansSQLite on a real PostgreSQL server.
func TestPlansPostgres(t *testing.T) { plans(t, storetest.StartPostgres(t).Database(t)) }
