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

// bootLimit ends a machine that hangs.
const bootLimit = 8 * time.Minute

// run runs one command of the host.
func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
}

// programs builds what a machine runs, by its path there.
func programs(t *testing.T, m machine) map[string]file {
	t.Helper()
	dir := t.TempDir()
	files := map[string]file{}
	add := func(name string) string {
		p := filepath.Join(dir, name)
		files["/t/"+name] = file{mode: modeFile | 0o755, from: p}
		return p
	}
	build := func(name string, args ...string) {
		cmd := exec.Command("go", append(args, "-trimpath", "-ldflags=-s -w", "-o", add(name))...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+m.arch)
		switch name {
		case "microenforcer":
			cmd.Args = append(cmd.Args, "./microenforcer/cmd/microenforcer")
		case "attack":
			cmd.Args = append(cmd.Args, "./microenforcer/testdata/attack")
		case "microenforcer.test":
			cmd.Args = append(cmd.Args, "./microenforcer")
		case "notify.test":
			cmd.Args = append(cmd.Args, "./internal/intercept/notify")
		case "supervise.test":
			cmd.Args = append(cmd.Args, "./microenforcer/supervise")
		}
		run(t, cmd)
	}
	build("microenforcer", "build")
	build("attack", "build")
	for _, p := range []string{"microenforcer.test", "notify.test", "supervise.test"} {
		build(p, "test", "-c", "-tags", "kernel")
	}
	attackers, _ := filepath.Glob(filepath.Join(root, "internal/intercept/notify/testdata/*.c"))
	for _, src := range append(attackers, "testdata/echo.c") {
		run(t, exec.Command(m.gcc, "-O2", "-static", "-pthread", "-o", add(strings.TrimSuffix(filepath.Base(src), ".c")), src))
	}
	files["/bin/echo"] = files["/t/echo"]
	return files
}

// tests are the steps that run test binaries: -test.run of each.
var tests = []struct{ binary, run string }{
	{"microenforcer.test", "^Test(AttacksOfEverybody|KillAttempts|SecretsStayHidden|OrphansAreReaped|ApplicationState)"},
	{"supervise.test", "^Test(InitEverySignal|InitExitCode|InitTerminal|ExitCodes|EverySignal|FaultStaysAPanic)"},
	{"notify.test", "^TestExecDenied/at_the_stop/(absolute|procfd|dirfd|thread|memfd)|^TestExec(Script|Errnos|Race|Beside)|" +
		"^TestSignals(OfGo|OnSockets)?$|^Test(SupervisorW|DeathF|Dropped)|^TestNetwork(Races|Corners)|^TestTraceless"},
}

var passed = regexp.MustCompile(`(?m)^--- PASS`)

func testStep(name, binary, run string) step {
	return step{name, "cd /tmp; export LIMPET_RACE_ROUNDS=150; /t/" + binary + " -test.short -test.v -test.timeout 400s -test.run '" + run + "'"}
}

func TestKernels(t *testing.T) {
	for _, m := range machines {
		t.Run(m.name, func(t *testing.T) {
			files := programs(t, m)
			ctx, cancel := context.WithTimeout(t.Context(), bootLimit)
			defer cancel()
			files["/t/all.yaml"] = file{mode: modeFile | 0o644, data: []byte(governed)}
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
