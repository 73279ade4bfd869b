//go:build kernel

package notify

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/intercept/relay"
	"github.com/limpet-security/limpet/internal/intercept/resolve"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
)

// judge is a Judge made of functions; what is nil allows.
type judge struct {
	mu      sync.Mutex
	execs   []string // canonical paths asked before
	started []string // canonical paths at the exec stop
	tampers []string
	wants   intercept.Wants

	exec, execStarted func(*action.Exec) intercept.Answer
	fork              func(*action.Fork) intercept.Answer
	privilege         func(*action.Privilege) intercept.Answer
	maps              func(*action.Map) intercept.Answer
}

func (j *judge) Exec(e *action.Exec) intercept.Answer {
	j.mu.Lock()
	j.execs = append(j.execs, e.Path)
	j.mu.Unlock()
	if j.exec != nil {
		return j.exec(e)
	}
	return intercept.Allow
}

func (j *judge) ExecStarted(e *action.Exec) intercept.Answer {
	j.mu.Lock()
	j.started = append(j.started, e.Path)
	j.mu.Unlock()
	if j.execStarted != nil {
		return j.execStarted(e)
	}
	return intercept.Allow
}

func (j *judge) Wants() intercept.Wants                   { return j.wants }
func (j *judge) Socket(*action.Socket) intercept.Answer   { return intercept.Allow }
func (j *judge) Connect(*action.Connect) intercept.Answer { return intercept.Allow }

func (j *judge) Map(m *action.Map) intercept.Answer {
	if j.maps != nil {
		return j.maps(m)
	}
	return intercept.Allow
}

func (j *judge) MapKnown(action.File) bool               { return false }
func (j *judge) Listed(int) bool                         { return false }
func (j *judge) Call(*action.Call, int) intercept.Answer { return intercept.Allow }

func (j *judge) Fork(f *action.Fork) intercept.Answer {
	if j.fork != nil {
		return j.fork(f)
	}
	return intercept.Allow
}

func (j *judge) Privilege(p *action.Privilege) intercept.Answer {
	if j.privilege != nil {
		return j.privilege(p)
	}
	return intercept.Allow
}

func (j *judge) Tamper(t *action.Tamper) {
	j.mu.Lock()
	j.tampers = append(j.tampers, t.Syscall)
	j.mu.Unlock()
}

type death struct {
	pid int
	st  syscall.WaitStatus
}

// withoutKillable runs tests as on Linux 5.10.
var withoutKillable, withoutTrace bool

// withoutScope does as if Landlock could not confine signals.
var withoutScope bool

// withoutGate does as if the kernel had no Landlock.
var withoutGate bool

// whileRunning, if not nil, goes beside what is supervised, and is waited for.
var whileRunning func(*Supervisor)

// lastNetwork is the report of the last run.
var lastNetwork NetworkReport

// withoutBorrow leaves contested calls to the kernel.
var withoutBorrow bool

// plainForks runs tests without counting forks, as without a process limit.
var plainForks bool

// arms, if not nil, are what the running test arms; ownOfTest is what it owns.
var (
	arms      *seccomp.Arms
	ownOfTest []string
)

func armsOfTest() seccomp.Arms {
	if arms != nil {
		return *arms
	}
	return seccomp.Arms{Forks: !plainForks, Receives: testNames != nil && !unarmedNames}
}

// testNames answers questions in tests that have name servers; unarmedNames is
// the state after a policy that looks at names came later.
var (
	testNames    *resolve.Resolver
	unarmedNames bool
	testRelay    *relay.Relay
)

// expectFaults is how many panics the running test injects.
var expectFaults int

// replace holds handlers that a test puts in the place of the real ones.
var replace []entry

// runLimit is how long a program may take.
var runLimit = time.Minute

// supervised runs argv with stdout going to a file, and gives what it wrote
// and how it ended.
func supervised(t testing.TB, j intercept.Judge, env []string, argv ...string) (string, syscall.WaitStatus) {
	t.Helper()
	out, st, err := trySupervised(t, j, env, argv...)
	if err != nil {
		t.Fatalf("start %v: %v", argv, err)
	}
	return out, st
}

func trySupervised(t testing.TB, j intercept.Judge, env []string, argv ...string) (string, syscall.WaitStatus, error) {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	old1, _ := syscall.Dup(1)
	old2, _ := syscall.Dup(2)
	_ = syscall.Dup3(int(f.Fd()), 1, 0)
	_ = syscall.Dup3(int(f.Fd()), 2, 0)
	ended := make(chan death, 8)
	level := slog.LevelInfo
	table, err := routes(families())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range replace {
		nr, _ := seccomp.Number(e.syscall)
		table[nr] = route{name: e.syscall, handle: e.handle}
	}
	s, err := start(context.Background(), Config{
		Judge: j, Arms: armsOfTest(), Own: ownOfTest, Names: testNames, Relay: testRelay, noKillable: withoutKillable, noScope: withoutScope, noTrace: withoutTrace, noGate: withoutGate, noBorrow: withoutBorrow,
		Logger: slog.New(slog.NewTextHandler(os.NewFile(uintptr(old2), "stderr"), &slog.HandlerOptions{Level: level})),
		Reaped: func(pid int, st syscall.WaitStatus) { ended <- death{pid, st} },
		Fault: func(n string, v any) {
			if expectFaults--; expectFaults < 0 {
				t.Errorf("fault in %s: %v", n, v)
			}
		},
	}, Command{Path: argv[0], Args: argv, Env: append(os.Environ(), env...)}, table)
	_ = syscall.Dup3(old1, 1, 0)
	_ = syscall.Dup3(old2, 2, 0)
	syscall.Close(old1)
	if err != nil {
		b, _ := os.ReadFile(f.Name())
		return string(b), 0, err
	}
	var beside sync.WaitGroup
	if whileRunning != nil {
		beside.Go(func() { whileRunning(s) })
	}
	var st syscall.WaitStatus
	for deadline := time.Now().Add(runLimit); ; {
		pid, w, ok := linux.Reap()
		if ok && pid == s.PID() {
			st = w
			break
		}
		select {
		case d := <-ended:
			if d.pid != s.PID() {
				continue
			}
			st = d.st
		default:
			if !ok {
				time.Sleep(time.Millisecond)
			}
			if time.Now().After(deadline) {
				_ = syscall.Kill(-s.PID(), syscall.SIGKILL)
				t.Fatalf("%v did not end in %v", argv, runLimit)
			}
			continue
		}
		break
	}
	beside.Wait()
	lastNetwork = s.Network()
	s.Close()
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b), st, nil
}

func TestRunsACommand(t *testing.T) {
	out, st := supervised(t, &judge{}, nil, "/bin/sh", "-c", "echo one; /bin/echo two; exit 7")
	if out != "one\ntwo\n" || st.ExitStatus() != 7 {
		t.Errorf("got %q and status %v", out, st)
	}
}

func TestStartReportsTheErrno(t *testing.T) {
	_, _, err := trySupervised(t, &judge{}, nil, "/no/such/program")
	if se, ok := err.(*StartError); !ok || se.Errno != syscall.ENOENT {
		t.Errorf("got %v", err)
	}
}

// A pipeline of dash forks again while the first part's SIGCHLD may arrive,
// and its handler does not restart calls: a fork that can be interrupted fails
// there on a busy machine. Without a process limit none can.
func TestPipelinesWithPlainForks(t *testing.T) {
	plainForks = true
	defer func() { plainForks = false }()
	const n = 60
	out, st := supervised(t, &judge{}, nil, "/bin/dash", "-c",
		fmt.Sprintf(`i=0; while [ $i -lt %d ]; do dash -c "echo a | tr a b" & i=$((i+1)); done; wait`, n))
	if got := strings.Count(out, "b\n"); got != n || st != 0 {
		t.Errorf("%d of %d pipelines worked, status %v:\n%s", got, n, st, out)
	}
}
