//go:build kernel

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// soakFor is how long something goes round: LIMPET_SOAK_FOR, 20 minutes in
// `make soak`, a moment otherwise.
func soakFor(t *testing.T) time.Duration {
	t.Helper()
	if s := os.Getenv("LIMPET_SOAK_FOR"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if os.Getenv("LIMPET_SOAK") != "" {
		return 20 * time.Minute
	}
	return 3 * time.Second
}

const soakPolicy = `apiVersion: limpet.dev/v1
kind: RuntimePolicy
metadata: {name: soak}
spec:
  controls:
    deniedExecutables: {mode: enforce, paths: [DIR/denied]}
    fileRead: {mode: enforce, paths: [DIR/secret]}
    fileWrite: {mode: enforce, paths: [DIR/fixed]}
    outbound: {mode: enforce, deny: [{cidrs: [` + farEnd + `/32], ports: [1000-65535]}]}
    dns: {mode: enforce, deny: [evil.test]}
    injection: {mode: enforce}
    namespaces: {mode: audit}
    fileIntegrity: {mode: audit, paths: [DIR/open]}
    processLimit: {mode: enforce, maxTasks: 2000}
    reverseShell: {mode: enforce}
`

// TestSoak is a long run made short: a workload goes round through programs,
// files, connections, datagrams, names and their denied kin, as fast as it can,
// and its events go to a real control plane. Every call gets the right answer,
// every judged one is told of or counted as dropped, exactly, and the enforcer
// holds no more at the end than after it had warmed up.
func TestSoak(t *testing.T) {
	if !inOwnCell(t, "TestSoak", soakFor(t)+4*time.Minute) {
		return
	}
	l := newLearner(t)
	named := exec.Command(l.attack, "nameserver", farEnd+":53")
	if err := named.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { named.Process.Kill(); named.Wait() }()
	dir := soakFolder(t, l.attack)
	policy := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(policy, []byte(strings.ReplaceAll(soakPolicy, "DIR", dir)), 0o644); err != nil {
		t.Fatal(err)
	}
	l.api("POST", "/groups", map[string]any{"name": "shop"}, nil)
	var join struct{ Secret string }
	l.api("POST", "/groups/shop/join-tokens", map[string]any{"ttlSeconds": 600, "maxUses": 1}, &join)

	cmd := exec.Command(l.enforcer, "run", "--gateway", l.started.GatewayAt, "--ca", l.started.CAFile, "--policy", policy, "--events", "none", "--flush", "60s",
		"--", filepath.Join(dir, "attack"), "soak", soakFor(t).String(), dir, farEnd, "3")
	cmd.Env = append(os.Environ(), "LIMPET_JOIN_TOKEN="+join.Secret)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	held, end := follow(cmd.Process.Pid, max(soakFor(t)/1200, 50*time.Millisecond))
	err := cmd.Wait()
	end()
	took := time.Since(began)
	if err != nil {
		t.Fatalf("%v\n%.3000s%.3000s", err, &out, &errs)
	}
	var did struct {
		Rounds, Wrong int
		Right, Judged map[string]uint64
		First         []string
	}
	first, _, _ := strings.Cut(out.String(), "\n")
	if err := json.Unmarshal([]byte(first), &did); err != nil {
		t.Fatalf("%v\n%.3000s%.3000s", err, &out, &errs)
	}
	if did.Wrong != 0 || did.Rounds == 0 {
		t.Errorf("%d calls were answered wrong in %d rounds: %q", did.Wrong, did.Rounds, did.First)
	}
	stored, dropped := l.accounts()
	for _, control := range slices.Sorted(maps.Keys(did.Judged)) {
		if got := stored[control] + dropped[control]; got != did.Judged[control] {
			t.Errorf("%s: %d events are stored and %d reported dropped, want together %d", control, stored[control], dropped[control], did.Judged[control])
		}
	}
	t.Logf("%v: %d rounds; right: %v; judged: %v; stored: %v; dropped: %v; %.0f judged calls a second", took.Round(time.Second), did.Rounds, did.Right, did.Judged, stored, dropped, float64(total(did.Judged))/took.Seconds())
	held.check(t, soakFor(t) >= 10*time.Minute)
}

// accounts gives, by control, how many violations the control plane has been
// told of, and how many it was told were dropped.
func (l *learner) accounts() (stored, dropped map[string]uint64) {
	l.t.Helper()
	stored, dropped = map[string]uint64{}, map[string]uint64{}
	var s struct {
		TopControls []struct {
			Name  string
			Count uint64
		}
	}
	l.api("GET", "/events/summary", nil, &s)
	for _, c := range s.TopControls {
		stored[c.Name] = c.Count
	}
	for cursor := ""; ; {
		var page struct {
			Items []struct {
				Object struct{ ByControl map[string]uint64 }
			}
			NextCursor string
		}
		l.api("GET", "/events?kind=dropped&limit=500&cursor="+cursor, nil, &page)
		for _, e := range page.Items {
			for control, n := range e.Object.ByControl {
				dropped[control] += n
			}
		}
		if cursor = page.NextCursor; cursor == "" {
			return stored, dropped
		}
	}
}

func total(m map[string]uint64) (n uint64) {
	for _, v := range m {
		n += v
	}
	return n
}

// soakFolder makes what "attack soak" finds, for every user.
func soakFolder(t *testing.T, attack string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "limpet-soak-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program, err := os.ReadFile(attack)
	if err != nil {
		t.Fatal(err)
	}
	os.Chmod(dir, 0o755)
	for name, content := range map[string][]byte{"attack": program, "denied": program, "secret": []byte("x"), "fixed": []byte("x")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "open"), 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// inOwnCell says whether the test runs in namespaces of its own, with the far
// end's address on their loopback interface. If not, it runs the test there.
func inOwnCell(t *testing.T, name string, limit time.Duration) bool {
	t.Helper()
	if os.Getenv(inCell) != "" {
		return true
	}
	cmd := exec.Command("unshare", "-n", "-m", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-c",
		`ip link set lo up && ip addr add `+farEnd+`/32 dev lo && exec "$@"`, "sh", os.Args[0], "-test.run=^"+name+"$", "-test.v", fmt.Sprintf("-test.timeout=%v", limit))
	cmd.Env = append(os.Environ(), inCell+"=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	return false
}
