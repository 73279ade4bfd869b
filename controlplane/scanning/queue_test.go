package scanning_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/controlplane/scanning"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/controlplane/store/storetest"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/scanner/worker"
)

const tn = tenant.Default

func open(t testing.TB, address string, c scanning.Config) *scanning.Queue {
	t.Helper()
	s, err := store.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error { return tx.InitInstall(ctx) }); err != nil {
		t.Fatal(err)
	}
	c.Store = s
	q, err := scanning.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func enqueue(t testing.TB, q *scanning.Queue, r scanning.Request) string {
	t.Helper()
	r.Tenant = tn
	id, err := q.Enqueue(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// lease takes a job; nil if there is none now.
func lease(t testing.TB, q *scanning.Queue, name string) *worker.Job {
	t.Helper()
	j, err := q.Lease(t.Context(), tn, worker.Hello{Worker: name, Version: "test", Slots: 1}, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func job(t testing.TB, q *scanning.Queue, id string) store.ScanJob {
	t.Helper()
	j, err := q.Store.ScanJob(t.Context(), tn, id)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// report is what a worker sends: n packages, nothing matched.
func report(ref string, n int) *finding.Report {
	r := &finding.Report{
		Schema: 1, Scanner: "test", Artifact: finding.Artifact{Kind: finding.KindImage, Name: ref, Digest: "sha256:" + fmt.Sprintf("%064x", n), Image: &finding.Config{User: "app"}},
		Integrity: finding.Integrity{Verdict: finding.Complete}, OS: &finding.OS{ID: "debian", Version: "12"},
	}
	for i := range n {
		r.Packages = append(r.Packages, finding.Package{ID: fmt.Sprint("p", i), Type: finding.Deb, Name: fmt.Sprint("lib", i), Version: fmt.Sprintf("1.%d-1", i%7)})
	}
	return r
}

func artifacts(t testing.TB, q *scanning.Queue) []string {
	t.Helper()
	rows, _, err := q.Store.Artifacts(t.Context(), tn, store.ArtifactFilter{}, store.Page{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range rows {
		names = append(names, a.Name)
	}
	return names
}

// queueCases run on both databases.
var queueCases = map[string]func(t *testing.T, address string){
	"order": func(t *testing.T, address string) {
		q := open(t, address, scanning.Config{})
		for _, r := range []scanning.Reason{scanning.Schedule, scanning.Rescan, scanning.Webhook, scanning.Manual, scanning.Schedule} {
			enqueue(t, q, scanning.Request{Reference: "r.test/" + string(r) + ":1", Reason: r})
		}
		enqueue(t, q, scanning.Request{Reference: "r.test/later:1", Reason: scanning.Manual})
		var got []string
		for j := lease(t, q, "w"); j != nil; j = lease(t, q, "w") {
			got = append(got, j.Reference)
		}
		want := []string{"r.test/manual:1", "r.test/later:1", "r.test/webhook:1", "r.test/rescan:1", "r.test/schedule:1"}
		if d := cmp.Diff(want, got); d != "" {
			t.Error("the order, and the same image once while it waits:", d)
		}
	},
	"hurry": func(t *testing.T, address string) {
		q := open(t, address, scanning.Config{})
		a := enqueue(t, q, scanning.Request{Reference: "r.test/a:1", Reason: scanning.Schedule})
		enqueue(t, q, scanning.Request{Reference: "r.test/b:1", Reason: scanning.Webhook})
		if again := enqueue(t, q, scanning.Request{Reference: "r.test/a:1"}); again != a {
			t.Errorf("the same image waits as %s and %s", a, again)
		}
		if enqueue(t, q, scanning.Request{Reference: "r.test/a:1", Platform: "linux/arm64", Reason: scanning.Schedule}) == a {
			t.Error("another platform is another job")
		}
		if j := lease(t, q, "w"); j.ID != a {
			t.Errorf("%s goes first, not what a person asked for", j.Reference)
		}
	},
	"once": func(t *testing.T, address string) {
		q := open(t, address, scanning.Config{})
		id := enqueue(t, q, scanning.Request{Reference: "r.test/a:1@sha256:" + fmt.Sprintf("%064x", 1)})
		j := lease(t, q, "w")
		if err := q.Renew(t.Context(), tn, j.Lease, worker.Progress{Done: 1, Of: 3}); err != nil {
			t.Fatal(err)
		}
		if row := job(t, q, id); row.State != store.ScanLeased || row.Worker != "w" || row.Done != 1 || row.Of != 3 {
			t.Errorf("leased: %+v", row)
		}
		for range 2 { // the answer to the first was not heard
			if err := q.Deliver(t.Context(), tn, j.Lease, report("somebody/else:1", 3), "token:w"); err != nil {
				t.Fatal(err)
			}
		}
		row := job(t, q, id)
		if row.State != store.ScanDone || row.Result == "" || row.ScanID == "" {
			t.Errorf("done: %+v", row)
		}
		if scans, err := q.Store.Scans(t.Context(), tn, row.ArtifactID); err != nil || len(scans) != 1 || scans[0].Source != "worker" {
			t.Error("one report, from a worker:", scans, err)
		}
		if d := cmp.Diff([]string{"r.test/a:1"}, artifacts(t, q)); d != "" {
			t.Error("a report is of what was asked for, whatever it says:", d)
		}
		for what, err := range map[string]error{
			"renew": q.Renew(t.Context(), tn, j.Lease, worker.Progress{}), "fail": q.Fail(t.Context(), tn, j.Lease, worker.Failure{Reason: "x"}),
			"return": q.Return(t.Context(), tn, j.Lease), "stranger": q.Deliver(t.Context(), "other", j.Lease, report("x:1", 1), ""),
			"guess": q.Deliver(t.Context(), tn, "", report("x:1", 1), ""),
		} {
			if !errors.Is(err, worker.ErrLost) {
				t.Errorf("%s after the end: %v", what, err)
			}
		}
	},
	"lost": func(t *testing.T, address string) {
		q := open(t, address, scanning.Config{TTL: 50 * time.Millisecond})
		id := enqueue(t, q, scanning.Request{Reference: "r.test/a:1"})
		first := lease(t, q, "first")
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go q.Run(ctx)
		second, err := q.Lease(t.Context(), tn, worker.Hello{Worker: "second", Wait: 30}, "")
		if err != nil || second == nil || second.ID != id {
			t.Fatal("a lost lease makes the job wait again:", second, err)
		}
		stop()
		if err := q.Deliver(t.Context(), tn, first.Lease, report("a", 1), ""); !errors.Is(err, worker.ErrLost) {
			t.Error("the late answer of a lost lease:", err)
		}
		if err := q.Deliver(t.Context(), tn, second.Lease, report("a", 2), ""); err != nil {
			t.Error(err)
		}
		if row := job(t, q, id); row.State != store.ScanDone || row.Attempts != 2 || row.Worker != "second" {
			t.Errorf("%+v", row)
		}
	},
	"failed": func(t *testing.T, address string) {
		q := open(t, address, scanning.Config{Backoff: time.Millisecond, MaxFailures: 3})
		id := enqueue(t, q, scanning.Request{Reference: "r.test/a:1"})
		for n := range 3 {
			j, err := q.Lease(t.Context(), tn, worker.Hello{Worker: "w", Wait: 30}, "")
			if err != nil || j == nil {
				t.Fatal(n, j, err)
			}
			for range 2 {
				if err := q.Fail(t.Context(), tn, j.Lease, worker.Failure{Reason: "no\x00 such image"}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if row := job(t, q, id); row.State != store.ScanFailed || row.Error != "no such image" || row.Attempts != 3 || row.FinishedAt == 0 {
			t.Errorf("%+v", row)
		}
		var again store.ScanJob
		err := q.Store.Update(t.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
			again, err = q.RetryTx(ctx, tx, tn, id, "alice")
			return err
		})
		j := lease(t, q, "w")
		if err != nil || j == nil || j.ID != again.ID {
			t.Fatal("a retry is a job of its own:", again, j, err)
		}
		if err := q.Fail(t.Context(), tn, j.Lease, worker.Failure{Reason: "not an image", Permanent: true}); err != nil {
			t.Fatal(err)
		}
		if row := job(t, q, again.ID); row.State != store.ScanFailed || row.Attempts != 1 {
			t.Errorf("what cannot succeed is not tried again: %+v", row)
		}
	},
	"cancelled": func(t *testing.T, address string) {
		q := open(t, address, scanning.Config{})
		waits, runs := enqueue(t, q, scanning.Request{Reference: "r.test/b:1", Reason: scanning.Schedule}), enqueue(t, q, scanning.Request{Reference: "r.test/a:1"})
		j := lease(t, q, "w")
		cancel := func(id string) error {
			return q.Store.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				_, _, err := q.CancelTx(ctx, tx, tn, id)
				return err
			})
		}
		if err := errors.Join(cancel(waits), cancel(runs)); err != nil {
			t.Fatal(err)
		}
		if err := cancel(runs); !errors.Is(err, scanning.ErrEnded) {
			t.Error("twice:", err)
		}
		if err := q.Renew(t.Context(), tn, j.Lease, worker.Progress{}); !errors.Is(err, worker.ErrLost) {
			t.Error("the worker hears of it:", err)
		}
		if j := lease(t, q, "w"); j != nil {
			t.Error("what was cancelled is lent:", j)
		}
	},
	"returned while the same image waits": func(t *testing.T, address string) {
		q := open(t, address, scanning.Config{})
		first := enqueue(t, q, scanning.Request{Reference: "r.test/a:1"})
		j := lease(t, q, "w")
		second := enqueue(t, q, scanning.Request{Reference: "r.test/a:1"})
		if second == first {
			t.Fatal("what is being scanned may have changed since: it is queued anew")
		}
		if err := q.Return(t.Context(), tn, j.Lease); err != nil {
			t.Fatal(err)
		}
		if row := job(t, q, first); row.State != store.ScanCancelled {
			t.Errorf("%+v", row)
		}
		if j := lease(t, q, "w"); j == nil || j.ID != second {
			t.Error(j)
		}
	},
	"restarted": func(t *testing.T, address string) {
		c := scanning.Config{Inside: "server", TTL: time.Hour}
		q := open(t, address, c)
		for i := range 4 {
			enqueue(t, q, scanning.Request{Reference: fmt.Sprintf("r.test/a:%d", i)})
		}
		inside, outside := lease(t, q, "server"), lease(t, q, "far")
		// What a backup does not hold: River's tables.
		if _, err := q.Store.SQLAnyTenant().ExecContext(t.Context(), "DELETE FROM river_job"); err != nil {
			t.Fatal(err)
		}
		q = open(t, address, c)
		if err := q.Deliver(t.Context(), tn, inside.Lease, report("a", 1), ""); !errors.Is(err, worker.ErrLost) {
			t.Error("what the server held waits again:", err)
		}
		if err := q.Deliver(t.Context(), tn, outside.Lease, report("a", 1), ""); err != nil {
			t.Error("what others hold goes on:", err)
		}
		n := 0
		for lease(t, q, "w") != nil {
			n++
		}
		if n != 3 {
			t.Errorf("%d jobs of 3 are lent again", n)
		}
	},
}

func TestQueue(t *testing.T) {
	for name, f := range queueCases {
		t.Run(name, func(t *testing.T) { f(t, storetest.SQLite(t)) })
	}
}

func TestRequests(t *testing.T) {
	q := open(t, storetest.SQLite(t), scanning.Config{})
	for _, r := range []scanning.Request{
		{Reference: ""}, {Reference: "docker://web:1"}, {Reference: "oci:/etc"}, {Reference: "/etc/passwd.tar"}, {Reference: "169.254.169.254/a:1"},
		{Reference: "r.test/a:1", Reason: "whim"}, {Reference: "r.test/a:1", Platform: "linux/arm64/v8/9/9 x"},
	} {
		r.Tenant = tn
		if _, err := q.Enqueue(t.Context(), r); !errors.Is(err, scanning.ErrRequest) {
			t.Errorf("%+v: %v", r, err)
		}
	}
}
