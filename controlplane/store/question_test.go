package store_test

import (
	"context"
	"testing"

	"github.com/limpet-security/limpet/controlplane/store"
)

// testScanQuestions: questions are kept of scans that hold for the database, and go with them.
func testScanQuestions(t *testing.T, s *store.Store) {
	ctx := t.Context()
	first, second := scanned("q-001", "web:1", "CVE-1"), scanned("q-002", "db:1", "CVE-1")
	var web store.Artifact
	update(t, s, func(ctx context.Context, tx *store.Tx) (err error) {
		if web, err = tx.PutScan(ctx, ta, first); err != nil {
			return err
		}
		_, err = tx.PutScan(ctx, ta, second)
		return err
	})
	hold := func(digest string, built int64, answers string, scans ...string) (held int) {
		t.Helper()
		var rows []store.ScanQuestions
		for _, id := range append(scans, "gone") {
			rows = append(rows, store.ScanQuestions{ScanID: id, Questions: []byte{1, 0}, Answers: []byte(answers)})
		}
		update(t, s, func(ctx context.Context, tx *store.Tx) (err error) {
			if held, err = tx.HoldScans(ctx, ta, scans, digest, built); err != nil {
				return err
			}
			return tx.PutScanQuestions(ctx, ta, digest, rows)
		})
		return held
	}
	asked := func() map[string]string {
		t.Helper()
		rows, err := s.ScanQuestions(ctx, ta, []string{"q-001", "q-002", "gone"})
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, q := range rows {
			if string(q.Questions) != "\x01\x00" || q.DatabaseBuilt == 0 {
				t.Errorf("%+v", q)
			}
			out[q.ScanID] = string(q.Answers)
		}
		return out
	}
	same := func(what string, want map[string]string) {
		t.Helper()
		if got := asked(); len(got) != len(want) || got["q-001"] != want["q-001"] || got["q-002"] != want["q-002"] {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	built := first.Scan.DatabaseBuilt + 10
	if n := hold("d10", built, "a", "q-001", "q-002"); n != 2 {
		t.Errorf("%d scans held", n)
	}
	same("kept", map[string]string{"q-001": "a", "q-002": "a"})
	hold("d11", built+1, "b", "q-001")
	same("another database", map[string]string{"q-001": "b", "q-002": "a"})
	// Who is late with an older database says nothing of a scan that a newer one holds for, and it is read next time.
	if n := hold("d10", built, "c", "q-001"); n != 0 {
		t.Errorf("%d scans held for an older database", n)
	}
	same("late", map[string]string{"q-002": "a"})
	hold("d12", built+2, "d", "q-001")
	if rows, err := s.ScanQuestions(ctx, tb, []string{"q-001"}); err != nil || len(rows) != 0 {
		t.Errorf("another tenant sees %+v, %v", rows, err)
	}
	update(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteArtifact(ctx, ta, web.ID) })
	same("forgotten", map[string]string{"q-002": "a"})
}
