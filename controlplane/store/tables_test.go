package store

import (
	"path/filepath"
	"slices"
	"testing"
)

// TestArchiveHoldsEveryTable fails when a migration adds a table that backups
// would leave out, or one that has no tenant.
func TestArchiveHoldsEveryTable(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var tables []string
	err = s.read.NewRaw("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'goose_%'").Scan(t.Context(), &tables)
	if err != nil || len(tables) < 10 {
		t.Fatal(tables, err)
	}
	for _, table := range tables {
		if table != "sessions" && table != "scan_deliveries" && !slices.Contains(archived, table) {
			t.Errorf("table %s is in no archive", table)
		}
		var n int
		err := s.read.NewRaw("SELECT COUNT(*) FROM pragma_table_info(?) WHERE name = 'tenant'", table).Scan(t.Context(), &n)
		if err != nil {
			t.Fatal(err)
		}
		if n != 1 && table != "install" && table != "tenants" {
			t.Errorf("table %s has no tenant", table)
		}
	}
}
