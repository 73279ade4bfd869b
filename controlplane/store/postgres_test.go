//go:build postgres

package store_test

import (
	"testing"

	"github.com/limpet-security/limpet/controlplane/store/storetest"
)

// TestPostgres runs the conformance suite on a real PostgreSQL server.
func TestPostgres(t *testing.T) {
	s := storetest.StartPostgres(t)
	conformance(t, func(t *testing.T) string { return s.Database(t) })
}
