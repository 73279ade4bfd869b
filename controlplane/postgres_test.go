//go:build postgres

package controlplane

import (
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"github.com/limpet-security/limpet/controlplane/store/storetest"
)

// TestPostgres runs the server on a real PostgreSQL: events survive kills, and
// a backup of SQLite is restored into it.
func TestPostgres(t *testing.T) {
	db := storetest.StartPostgres(t)
	t.Run("kill", func(t *testing.T) { killTest(t, db.Database(t)) })
	t.Run("killed scans", func(t *testing.T) { killedScans(t, db.Database(t)) })
	t.Run("restore", func(t *testing.T) {
		lite := run(t, Config{})
		e := enroll(t, lite.Gateway, ca(t, lite.data), joinToken(t, administrator(t, lite.data, "", lite.Console), "web"))
		boot := uuid.NewString()
		if _, err := e.PushEvents(t.Context(), batch(boot, 1, 20)); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "backup")
		if _, err := Backup(t.Context(), BackupRequest{Data: lite.data, File: file, WithMasterKey: true}); err != nil {
			t.Fatal(err)
		}
		address, data := db.Database(t), filepath.Join(t.TempDir(), "new")
		if _, err := Restore(t.Context(), RestoreRequest{Data: data, Database: address, File: file}); err != nil {
			t.Fatal(err)
		}
		big := run(t, Config{Data: data, Database: address})
		c := administrator(t, data, address, big.Console)
		if got := sequences(t, c, e.id); len(got) != 20 {
			t.Errorf("%d events after restore", len(got))
		}
		more := enroll(t, big.Gateway, ca(t, data), joinToken(t, c, "db"))
		if ack, err := more.PushEvents(t.Context(), batch(boot, 1, 5)); err != nil || ack.AckedSequence != 5 {
			t.Errorf("%v, %v", ack, err)
		}
	})
}
