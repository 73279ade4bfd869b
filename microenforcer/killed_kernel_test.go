//go:build kernel

package microenforcer_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// aboutNobody switches on, in enforce mode, what looks at each call of
// testdata/killed, and denies none of them.
const aboutNobody = `    deniedExecutables: {mode: enforce, paths: [/nowhere/**]}
    allowedExecutables: {mode: enforce, paths: ["/**"]}
    fileless: {mode: enforce}
    interpreters: {mode: enforce, deny: [loader, applet]}
    preload: {mode: enforce}
    setuidBinaries: {mode: enforce}
    fileRead: {mode: enforce, paths: [/nowhere/**]}
    fileWrite: {mode: enforce, paths: [/nowhere/**]}
    readOnlyFiles: {mode: enforce, paths: [/nowhere/**]}
    honeypots: {mode: enforce, paths: [/nowhere/pot]}
    outbound: {mode: enforce, deny: [{cidrs: [192.0.2.0/24]}, {unixSockets: [/nowhere/sock]}]}
    inbound: {mode: enforce, deny: [{cidrs: [192.0.2.0/24]}]}
    reverseShell: {mode: enforce}
    bindShell: {mode: enforce}
    injection: {mode: enforce}
    anonymousExecutable: {mode: enforce, allowedProcesses: [/tmp/killed]}
    privilegeChange: {mode: enforce, changes: any, allowedProcesses: [/tmp/killed]}
`

// TestKilledCallers kills processes in the midst of calls that are judged, in
// each way of judging them: nobody who cannot be looked at because he is gone is
// reported to have broken a rule, and no other is killed for it.
func TestKilledCallers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		errno  string
		words  []string
		rounds int
	}{
		{"listener and ptrace", "", nil, 300},
		{"ptrace alone", "22", []string{"listener"}, 300},
		{"listener alone", "1", []string{"ptrace"}, 300},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCell(t)
			if tt.words != nil {
				c.masked(t, tt.errno, tt.words...)
			}
			src := filepath.Join("..", "internal", "intercept", "notify", "testdata", "killed.c")
			if b, err := exec.Command("gcc", "-O2", "-pthread", "-o", filepath.Join(c.dir, "killed"), src).CombinedOutput(); err != nil {
				t.Fatalf("cannot compile it: %v\n%s", err, b)
			}
			copyFile(t, filepath.Join(c.dir, "killed"), filepath.Join(c.dir, "again"))
			if err := os.WriteFile(filepath.Join(c.dir, "script"), []byte("#!/tmp/again 0\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			writePolicy(t, filepath.Join(c.dir, "p.yaml"), aboutNobody)
			for _, threads := range []string{"1", "4"} {
				r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, "/tmp/killed", fmt.Sprint(tt.rounds), "/tmp", threads)
				if !r.has("done") || r.code != 0 {
					t.Fatal(r.brief())
				}
				for _, e := range r.events {
					if e.Control != "" {
						t.Errorf("%s threads: %v", threads, e)
					}
				}
			}
		})
	}
}
