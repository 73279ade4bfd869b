package scanning_test

import (
	"context"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane/scanning"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/controlplane/store/storetest"
	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/scanner/worker"
)

// anonymous lends nothing, to any registry.
type anonymous struct{}

func (anonymous) Credentials(context.Context, tenant.ID, string) (worker.Access, error) {
	return worker.Access{}, nil
}

// TestRescanByPolicy: an image in the scope of a policy that asks for it is
// queued again when its scan is old, once, with the registry of that scan.
func TestRescanByPolicy(t *testing.T) {
	q := open(t, storetest.SQLite(t), scanning.Config{})
	q.Lend(anonymous{})
	at := func(hours int) time.Time { return store.Now().Add(time.Duration(hours)*time.Hour + time.Minute) }
	due := func(hours, want int) {
		t.Helper()
		if n, err := q.RescanDue(t.Context(), tn, at(hours)); err != nil || n != want {
			t.Fatalf("after %d hours %d images were queued (%v), want %d", hours, n, err, want)
		}
	}
	scan := func(ref string) {
		t.Helper()
		j := lease(t, q, "w")
		if j == nil || j.Reference != ref {
			t.Fatalf("leased %+v, want %s", j, ref)
		}
		if err := q.Deliver(t.Context(), tn, j.Lease, report(ref, len(ref)), "worker"); err != nil {
			t.Fatal(err)
		}
	}
	for _, ref := range []string{"registry.example.com/shop/web:1", "registry.example.com/bank/api:1"} {
		enqueue(t, q, scanning.Request{Reference: ref, Registry: "r1"})
		scan(ref)
	}
	due(100, 0) // no policy asks
	policy := `{"apiVersion":"limpet.dev/v1","kind":"AssurancePolicy","metadata":{"name":"shop"},"spec":{"scope":{"images":["registry.example.com/shop/**"]},"rescanHours":24,"controls":{"malware":{"mode":"block"}}}}`
	err := q.Store.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.AddPolicyOf(ctx, tn, store.AssurancePolicies, store.Policy{Name: "shop", YAML: policy, Document: policy})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	due(23, 0)
	due(24, 1)
	due(24, 0) // it waits
	j, err := q.Store.LastScanJobFor(t.Context(), tn, "registry.example.com/shop/web:1", "")
	if err != nil || j.Registry != "r1" || j.Reason != "rescan" || j.State != store.ScanWaiting {
		t.Fatalf("%v %+v", err, j)
	}
	due(48, 0) // still
	scan("registry.example.com/shop/web:1")
	due(23, 0)
	due(24, 1)
}
