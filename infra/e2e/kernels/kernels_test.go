//go:build kernel

package kernels

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// bootLimit ends a machine that hangs. It runs beside other tests, with less
// priority.
const bootLimit = 40 * time.Minute

// run runs one command of the host.
func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
}

// bundles holds what the machines of an architecture run, once built.
var bundles = map[string]map[string]file{}

// programs builds what a machine runs, by its path there.
func programs(t *testing.T, m machine, dir string) map[string]file {
	t.Helper()
	if files, ok := bundles[m.arch]; ok {
		return files
	}
	files := map[string]file{}
	add := func(name string) string {
		p := filepath.Join(dir, m.arch+"-"+name)
		files["/t/"+name] = file{mode: modeFile | 0o755, from: p}
		return p
	}
	for _, b := range []struct{ name, pkg, args string }{
		{"microenforcer", "./microenforcer/cmd/microenforcer", "build"},
		{"attack", "./microenforcer/testdata/attack", "build"},
		{"microenforcer.test", "./microenforcer", "test -c -tags=kernel"},
		{"notify.test", "./internal/intercept/notify", "test -c -tags=kernel"},
		{"supervise.test", "./microenforcer/supervise", "test -c -tags=kernel"},
	} {
		cmd := exec.Command("go", append(strings.Fields(b.args), "-trimpath", "-ldflags=-s -w", "-o", add(b.name), b.pkg)...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+m.arch)
		run(t, cmd)
	}
	attackers, _ := filepath.Glob(filepath.Join(root, "internal/intercept/notify/testdata/*.c"))
	for _, src := range append(attackers, "testdata/echo.c") {
		run(t, exec.Command(m.gcc, "-O2", "-static", "-pthread", "-o", add(strings.TrimSuffix(filepath.Base(src), ".c")), src))
	}
	files["/bin/echo"] = files["/t/echo"]
	files["/t/all.yaml"] = file{mode: modeFile | 0o644, data: []byte(governed)}
	bundles[m.arch] = files
	return files
}

// tests are the steps that run test binaries: -test.run of each.
var tests = []struct{ binary, run string }{
	{"microenforcer.test", "^Test(AttacksOfEverybody|KillAttempts|SecretsStayHidden|OrphansAreReaped|ApplicationState|TaggedAddresses)"},
	{"supervise.test", "^Test(InitEverySignal|InitExitCode|InitTerminal|ExitCodes|EverySignal|FaultStaysAPanic)"},
	{"notify.test", "^TestExecDenied/at_the_stop/(absolute|procfd|dirfd|thread|memfd)|^TestExec(Script|Errnos|Race|Beside)|" +
		"^TestSignals(OfGo|OnSockets)?$|^Test(SupervisorW|DeathF|Dropped)|^TestNetwork(Races|Corners)|^TestTraceless"},
}

var passed = regexp.MustCompile(`(?m)^--- PASS`)

func testStep(name, binary, run string) step {
	return step{name, "cd /tmp; export LIMPET_RACE_ROUNDS=150; /t/" + binary + " -test.short -test.v -test.timeout 20m -test.run '" + run + "'"}
}

// TestKernels boots as many machines at once as there are processors: each
// uses little more than one.
func TestKernels(t *testing.T) {
	dir := t.TempDir()
	for _, m := range machines {
		t.Run(m.name, func(t *testing.T) {
			files := programs(t, m, dir)
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), bootLimit)
			defer cancel()
			// Under scope 1, Ubuntu's, only an ancestor may attach: the enforcer is one.
			steps := []step{{"Yama", fmt.Sprintf("echo %d >/proc/sys/kernel/yama/ptrace_scope && echo '--- PASS'", m.yama)}}
			for _, b := range tests {
				steps = append(steps, testStep(b.binary, b.binary, b.run))
			}
			for _, q := range questions {
				steps = append(steps, q.step())
			}
			if only := os.Getenv("LIMPET_KERNEL_STEP"); only != "" { // to look into a machine by hand
				o := boot(ctx, t, m, files, []step{{"only", only}})["only"]
				t.Logf("%+v", o)
				return
			}
			done := boot(ctx, t, m, files, steps)
			for _, s := range steps {
				if done[s.name] == nil {
					t.Errorf("%s did not run", s.name)
				}
			}
			for _, q := range questions {
				if o := done[q.step().name]; o != nil {
					t.Run(q.step().name, func(t *testing.T) { q.check(t, m, o) })
				}
			}
			for _, s := range steps {
				o := done[s.name]
				if o == nil || strings.HasPrefix(s.name, "status") {
					continue
				}
				t.Run(s.name, func(t *testing.T) {
					if o.code != 0 || !passed.MatchString(o.out) {
						t.Errorf("exit %d:\n%s", o.code, o.out)
					}
				})
			}
		})
	}
}
