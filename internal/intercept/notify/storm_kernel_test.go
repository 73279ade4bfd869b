//go:build kernel

package notify

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/linux"

	"golang.org/x/sys/unix"
)

// kernelsOfTest says whether to do as if there were no WAIT_KILLABLE: as it is,
// and, where the kernel is this machine's, both.
func kernelsOfTest() []bool {
	if testing.Short() {
		return []bool{false}
	}
	return []bool{false, true}
}

// storm says for how long a program is put under signals: C3 asks for ten
// minutes, which `make soak` takes.
func storm(t *testing.T, bounded time.Duration) time.Duration {
	if os.Getenv("LIMPET_SOAK") == "" {
		return bounded
	}
	const full = 10 * time.Minute
	runLimit = full + time.Minute
	t.Cleanup(func() { runLimit = time.Minute })
	return full
}

// eachKernel runs a test on each of kernelsOfTest.
func eachKernel(t *testing.T, test func(t *testing.T)) {
	for _, old := range kernelsOfTest() {
		t.Run(fmt.Sprintf("without WAIT_KILLABLE %v", old), func(t *testing.T) {
			withoutKillable = old
			defer func() { withoutKillable = false }()
			test(t)
		})
	}
}

// killableHere says whether a supervisor started now has WAIT_KILLABLE: a
// filter without a program is bad memory to a kernel that knows the flags.
func killableHere() bool {
	const setModeFilter = 1
	_, _, e := syscall.RawSyscall(unix.SYS_SECCOMP, setModeFilter, linux.FilterKillable|linux.FilterListener, 0)
	return !withoutKillable && e == syscall.EFAULT
}

// 5,000 spawns, up to 200 at once: every one is verified, none hangs.
func TestSpawnStorm(t *testing.T) {
	dir := scratch(t)
	spawn := compile(t, dir, "spawn")
	good := compile(t, dir, "good")
	for _, old := range kernelsOfTest() {
		withoutKillable = old
		j := &judge{}
		want := 5000
		switch {
		case testing.Short():
			want = 100
		case old:
			want = 500
		}
		out, st := supervised(t, j, nil, spawn, strconv.Itoa(want), "200", good)
		withoutKillable = false
		n := 0
		for _, p := range j.started {
			if p == good {
				n++
			}
		}
		t.Log(strings.TrimSpace(out))
		if !strings.HasSuffix(out, " 0 bad\n") || st.ExitStatus() != 0 || n != want {
			t.Errorf("without killable %v: got %q, %v; %d verified", old, out, st, n)
		}
	}
}

// Every exec is denied at the exec stop: as many are killed.
func TestSpawnStormDenied(t *testing.T) {
	dir := scratch(t)
	spawn := compile(t, dir, "spawn")
	good := compile(t, dir, "good")
	j := &judge{execStarted: func(e *action.Exec) intercept.Answer {
		if e.Path == good {
			return intercept.Answer{Errno: syscall.EACCES}
		}
		return intercept.Allow
	}}
	n := "300"
	if testing.Short() {
		n = "60"
	}
	out, _ := supervised(t, j, nil, spawn, n, "50", good)
	if !strings.HasSuffix(out, " "+n+" bad\n") {
		t.Errorf("got %q", out)
	}
}

// A timer at 2 kHz interrupts everything; with and without WAIT_KILLABLE.
func TestSignals(t *testing.T) {
	dir := scratch(t)
	signals := compile(t, dir, "signals")
	good := compile(t, dir, "good")
	for _, old := range kernelsOfTest() {
		withoutKillable = old
		out, st := supervised(t, &judge{}, nil, signals, "2", good)
		withoutKillable = false
		t.Log(strings.TrimSpace(out))
		if !strings.Contains(out, "0 bad\n") || st.ExitStatus() != 0 {
			t.Errorf("without killable %v: got %q, %v", old, out, st)
		}
	}
}

// An exec from a thread beside 50 others, 25 of them in governed calls.
func TestExecBesideThreads(t *testing.T) {
	dir := scratch(t)
	threads := compile(t, dir, "threads")
	good := compile(t, dir, "good")
	evil := compile(t, dir, "evil")
	for _, old := range kernelsOfTest() {
		withoutKillable = old
		rounds := 5
		if testing.Short() {
			rounds = 1
		}
		for range rounds {
			j := &judge{execStarted: func(e *action.Exec) intercept.Answer {
				if e.Path == evil {
					return intercept.Answer{Errno: syscall.EACCES}
				}
				return intercept.Allow
			}}
			if out, st := supervised(t, j, nil, threads, good); out != "" || st != 0 {
				t.Errorf("allowed: got %q, %v", out, st)
			}
			if out, st := supervised(t, j, nil, threads, evil); out != "" || st.Signal() != syscall.SIGKILL {
				t.Errorf("denied: got %q, %v", out, st)
			}
		}
		withoutKillable = false
	}
}

// Sockets, connects and datagrams under a timer at 1 kHz: a call that a signal
// takes from us after we have carried it out is not carried out twice. Without
// WAIT_KILLABLE a call that takes longer than the time between two signals
// never ends, hence the longer period.
func TestSignalsOnSockets(t *testing.T) {
	p := compile(t, scratch(t), "netsignals")
	last := storm(t, 2*time.Second)
	eachKernel(t, func(t *testing.T) {
		period, most := "1000", 0
		switch { // each signal throws back a call that was not answered yet
		case testing.Short():
			period = "20000" // the machine may be emulated
		case !killableHere():
			period = "4000"
		}
		if !killableHere() {
			most = 2 // the window of the kernel's, see TestFilesUnderSignals
		}
		out, st := supervised(t, &judge{}, nil, p, strconv.Itoa(int(last.Seconds())), period)
		t.Log(strings.TrimSpace(out))
		var bad, leaked int
		counts := out[strings.LastIndexByte(strings.TrimSpace(out), '\n')+1:]
		if _, err := fmt.Sscanf(counts, "%d bad, %d leaked", &bad, &leaked); err != nil || bad > most || leaked > most {
			t.Errorf("got %q, %v, %v", out, st, err)
		}
	})
}

// C3: a busy Go program, which interrupts itself all the time, does not hang
// and sees no call fail; also where any signal interrupts a notification.
func TestSignalsOfGo(t *testing.T) {
	last := storm(t, 3*time.Second)
	eachKernel(t, func(t *testing.T) {
		out, st := supervised(t, &judge{}, []string{"LIMPET_TEST_HELPER=busy", "BUSY=" + last.String()}, self(t))
		t.Log(strings.TrimSpace(out))
		var lines []string
		for line := range strings.Lines(out) {
			if !strings.HasPrefix(line, "connections ") {
				lines = append(lines, line)
			}
		}
		if strings.Join(lines, "") != "ended\n" || st.ExitStatus() != 0 {
			t.Errorf("got %q, %v", out, st)
		}
	})
}
