//go:build kernel

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// listedScript connects until it is refused, then until it is let through.
const listedScript = `#!/bin/sh
go() { timeout 5 $ATTACK tcp ` + farEnd + `:80 2>&1; }
go
touch STARTED
for i in $(seq 300); do go | grep -q 'errno 111' && break; sleep 0.1; done
echo refused after $i
for i in $(seq 300); do go | grep -q 'got hello' && break; sleep 0.1; done
echo open after $i
`

// lists follows a reputation list to an enforcer whose workload runs already:
// without the list the status says so, with it a connection is refused, and a
// change of the list lets it through again.
func (l *learner) lists() {
	t := l.t
	t.Helper()
	file := filepath.Join(l.dir, "listed.yaml")
	write := func(name, text string) string {
		p := filepath.Join(l.dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	write("listed.yaml", "apiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata: {name: listed}\nspec:\n  controls:\n    ipReputation: {mode: enforce, lists: [bad]}\n")
	l.limpet(0, "apply", "-f", file)
	var g map[string]any
	l.put("/groups/shop", l.api("GET", "/groups/shop", nil, &g), map[string]any{"mode": "enforce", "policies": []string{"listed"}, "learning": false})

	// state is what the newest enforcer says of the control.
	state := func() (string, string) {
		var list struct {
			Items []struct {
				State    string
				Controls []struct{ Control, State, Reason string }
			}
		}
		l.api("GET", "/enforcers?group=shop&limit=1", nil, &list)
		if len(list.Items) == 1 && list.Items[0].State == "connected" {
			for _, c := range list.Items[0].Controls {
				if c.Control == "ipReputation" {
					return c.State, c.Reason
				}
			}
		}
		return "", ""
	}
	wait := func(what, reason string) {
		t.Helper()
		for end := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			s, why := state()
			if s == what && strings.Contains(why, reason) {
				return
			}
			if time.Now().After(end) {
				t.Errorf("the enforcer says %q (%s), want %q (%s)", s, why, what, reason)
				return
			}
		}
	}
	started := filepath.Join(l.dir, "started")
	before := strings.Count(l.denied(), "ipReputation")
	done := make(chan struct{})
	go func() {
		defer close(done)
		out, err := l.run(19300, strings.Replace(listedScript, "STARTED", started, 1))
		if err != nil || !strings.HasPrefix(out, "got hello") || !strings.Contains(out, "refused after") || !strings.Contains(out, "open after") || strings.Contains(out, "after 300") {
			t.Errorf("%v\n%s", err, out)
		}
		t.Log(out)
	}()
	wait("unavailable", "has not delivered reputation list bad")
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(started); err == nil {
			break
		}
	}
	var many strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&many, "203.%d.%d.%d\n", i%113, i/7%256, i*3%251)
	}
	l.limpet(0, "list", "import", "bad", write("bad.txt", "# of today\n"+many.String()+farEnd+" ; seen attacking\n"))
	wait("enforced", "")
	for end := time.Now().Add(60 * time.Second); strings.Count(l.denied(), "ipReputation lists[bad]") <= before; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("no denial was reported:\n%s", l.denied())
			break
		}
	}
	l.limpet(0, "list", "import", "bad", write("bad.txt", many.String()))
	<-done
	if n := l.denied(); !strings.Contains(n, `on reputation list "bad"`) {
		t.Errorf("denied:\n%s", n)
	}
}
