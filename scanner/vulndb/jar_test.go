package vulndb_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/scanner/vulndb"
)

// TestJars: only archives that advisories speak of are kept, and the order in
// which they come does not matter.
func TestJars(t *testing.T) {
	a, b, c := strings.Repeat("a", 40), strings.Repeat("b", 40), strings.Repeat("c", 40)
	made := func(order ...string) (vulndb.Meta, *vulndb.DB) {
		w, err := vulndb.NewWriter(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		for _, o := range order {
			sum, coordinates, _ := strings.Cut(o, " ")
			if err := w.Jar(sum, coordinates); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Advisory("Maven", "g:Known", vulndb.Advisory{ID: "X", Source: "test", Status: vulndb.Affected}); err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"x", a[:39] + "Z", ""} {
			if w.Jar(bad, "g:a:1") == nil || w.Jar(a, bad) == nil {
				t.Errorf("%q was taken", bad)
			}
		}
		file := filepath.Join(t.TempDir(), "db")
		m, err := w.Finish(file, vulndb.Meta{})
		if err != nil {
			t.Fatal(err)
		}
		db, err := vulndb.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return m, db
	}
	m, db := made(a+" g:Known:1", b+" g:other:1", c+" g:Known:2", c+" g:Known:1.9")
	other, _ := made(c+" g:Known:1.9", c+" g:Known:2", b+" g:other:1", a+" g:Known:1")
	if m.Digest != other.Digest || m.Jars != 2 {
		t.Errorf("%+v %+v", m, other)
	}
	for sum, want := range map[string]string{a: "g:Known:1", b: "", c: "g:Known:1.9", "": ""} {
		if got, err := db.Jar(sum); got != want || err != nil {
			t.Errorf("%s: %q %v", sum, got, err)
		}
	}
}
