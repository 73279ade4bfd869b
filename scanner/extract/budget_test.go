package extract

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/finding"
)

// TestLimitsAreTheSame: where a limit of the whole artefact is met, the report
// is the same however the layers were read, and from wherever.
func TestLimitsAreTheSame(t *testing.T) {
	var tars [][]byte
	for l := range 6 {
		var entries []tarEntry
		for i := range 40 * (6 - l) {
			entries = append(entries, reg(fmt.Sprintf("l%d/node_modules/m%d/package.json", l, i), pkgJSON(fmt.Sprint("m", i))))
		}
		tars = append(tars, tarOf(t, entries...))
	}
	img := imageOfTars(tars...)
	limits := Limits{Entries: 500}
	want, err := scan(t, &Reader{Limits: limits, Workers: 1}, img)
	if err != nil || want.Integrity.Verdict != finding.Partial || len(want.Packages) != 500 {
		t.Fatalf("%v, %d packages, %+v", err, len(want.Packages), want.Integrity)
	}
	cache := &Cache{Dir: t.TempDir()}
	for n := range 10 {
		got, err := scan(t, &Reader{Limits: limits, Workers: 4, Cache: cache}, img)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("scan %d differs:\n%.2000s", n, d)
		}
	}
}
