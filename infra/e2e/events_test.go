//go:build kernel

package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// TestTenMillionEvents is P9: an enforcer's reporting half stays as small as it
// was over 10^7 events (`make soak`; here fewer) at full speed, to a real
// control plane, and each of them is stored or counted as dropped.
func TestTenMillionEvents(t *testing.T) {
	if !inOwnCell(t, "TestTenMillionEvents", 60*time.Minute) {
		return
	}
	n := uint64(50_000)
	if os.Getenv("LIMPET_SOAK") != "" {
		n = 10_000_000
	}
	l := newLearner(t)
	program := filepath.Join(l.dir, "events")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "./infra/e2e/testdata/events")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build it: %v\n%s", err, out)
	}
	l.api("POST", "/groups", map[string]any{"name": "shop"}, nil)
	var join struct{ Secret string }
	l.api("POST", "/groups/shop/join-tokens", map[string]any{"ttlSeconds": 600, "maxUses": 1}, &join)
	cmd := exec.Command(program, l.started.GatewayAt, l.started.CAFile, strconv.FormatUint(n, 10))
	cmd.Env = append(os.Environ(), "LIMPET_JOIN_TOKEN="+join.Secret)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	held, end := follow(cmd.Process.Pid, 50*time.Millisecond)
	err := cmd.Wait()
	end()
	took := time.Since(began)
	var said struct {
		Violations uint64
		Link       struct{ Generated, Acked, Dropped, Queued uint64 }
	}
	if jerr := json.Unmarshal(out.Bytes(), &said); err != nil || jerr != nil {
		t.Fatalf("%v, %v\n%s%s", err, jerr, &out, &errs)
	}
	stored, dropped := l.accounts()
	if said.Violations != n || stored["outbound"]+dropped["outbound"] != n {
		t.Errorf("%d violations, %d stored and %d reported dropped, want %d", said.Violations, stored["outbound"], dropped["outbound"], n)
	}
	if s := said.Link; s.Acked+s.Dropped != s.Generated || s.Queued != 0 || s.Acked == 0 {
		t.Errorf("%+v", s)
	}
	t.Logf("%d events in %v (%.0f a second): %d stored, %d dropped", n, took.Round(time.Millisecond), float64(n)/took.Seconds(), stored["outbound"], dropped["outbound"])
	held.check(t, os.Getenv("LIMPET_SOAK") != "")
}
