package controlplane

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkQueuedScans measures orchestrated scans of images whose layers are in
// the workers' caches: queued over the API, leased, pinned at the registry,
// delivered, matched, judged and kept, by a server and two workers in processes
// of their own, a scan at a time each.
func BenchmarkQueuedScans(b *testing.B) {
	_, refs := hub(b, 100, 0)
	c := Config{Data: b.TempDir(), Listen: freeAddr(b), GatewayListen: freeAddr(b), ScanWorkers: -1}
	server := spawn(b, c)
	admin := administrator(b, c.Data, "", server.Console)
	token, err := CreateToken(b.Context(), TokenRequest{Data: c.Data, Name: "worker", Roles: []string{"worker"}})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 2 {
		w := work(b, workSpec{
			Server: server.Console, Token: token, CAFile: filepath.Join(c.Data, "ca.pem"), Name: fmt.Sprint("worker-", i), Slots: 1, Cache: b.TempDir(),
		})
		defer func(w *exec.Cmd) { kill(w) }(w)
	}
	scanned := 0
	all := func() {
		for _, ref := range refs {
			call(b, admin, "POST", "/scan-jobs", map[string]any{"reference": ref}, nil)
		}
		scanned += len(refs)
		awaitScans(b, admin, scanned, func() { time.Sleep(20 * time.Millisecond) })
	}
	all() // the caches are warm now, but for images that only the other worker saw
	all()
	for b.Loop() {
		all()
	}
	b.ReportMetric(float64(len(refs)*b.N)/b.Elapsed().Minutes(), "scans/min")
}
