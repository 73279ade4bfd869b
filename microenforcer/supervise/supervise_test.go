package supervise

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func supervised(args ...string) *exec.Cmd {
	return exec.Command(os.Args[0], append([]string{"role-supervise"}, args...)...)
}

func TestExitCodes(t *testing.T) {
	tests := []struct {
		args []string
		want int
	}{
		{[]string{os.Args[0], "role-exit", "0"}, 0},
		{[]string{os.Args[0], "role-exit", "3"}, 3},
		{[]string{os.Args[0], "role-exit", "255"}, 255},
		{[]string{os.Args[0], "role-die", "9"}, 137},
		{[]string{os.Args[0], "role-die", "15"}, 143},
		{[]string{os.Args[0], "role-die", "6"}, 134},
		{[]string{os.Args[0], "role-die", "11"}, 139},
		{[]string{os.Args[0], "role-die", "64"}, 192},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args[1:], " "), func(t *testing.T) {
			out, _ := supervised(tt.args...).CombinedOutput()
			cmd := supervised(tt.args...)
			cmd.Run()
			if got := cmd.ProcessState.ExitCode(); got != tt.want {
				t.Errorf("exit code %d, want %d; output %s", got, tt.want, out)
			}
		})
	}
}

// Every signal number, by every way of sending one, must leave the
// supervisor alive and reach the child once.
func TestEverySignal(t *testing.T) { everySignal(t, supervised(os.Args[0], "role-catch")) }

func everySignal(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	stdin, _ := cmd.StdinPipe()
	stdout, _ := cmd.StdoutPipe()
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	lines := make(chan string, 64)
	go func() {
		sc := bufio.NewScanner(stdout)
		for sc.Scan() {
			lines <- sc.Text()
		}
		close(lines)
	}()
	if l := next(t, lines); !strings.HasPrefix(l, "ready") {
		t.Fatal(l)
	}
	pid := cmd.Process.Pid
	sent := ""
	defer func() {
		if t.Failed() {
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			t.Logf("last sent: %s; supervisor:\n%s", sent, b)
		}
	}()
	ways := []struct {
		name string
		code int32
		send func(syscall.Signal) error
	}{
		{"kill", codeUser, func(n syscall.Signal) error { return syscall.Kill(pid, n) }},
		{"tkill", codeUser, func(n syscall.Signal) error {
			if _, _, e := syscall.Syscall(syscall.SYS_TKILL, uintptr(pid), uintptr(n), 0); e != 0 {
				return e
			}
			return nil
		}},
		{"sigqueue", codeQueue, func(n syscall.Signal) error { return queue(pid, n, uint64(n)*1000) }},
	}
	for _, w := range ways {
		for n := syscall.Signal(1); n <= maxSignal; n++ {
			if n == syscall.SIGKILL || n == syscall.SIGSTOP {
				continue
			}
			if err := w.send(n); err != nil {
				t.Fatalf("%s %d: %v", w.name, n, err)
			}
			if n == syscall.SIGURG || n == syscall.SIGCHLD || n == sigThread {
				continue
			}
			want := fmt.Sprintf("signal %d %d 0", int(n), codeUser)
			sent = fmt.Sprintf("%s %d", w.name, n)
			got := next(t, lines)
			if w.code == codeQueue {
				want = fmt.Sprintf("signal %d %d %d", int(n), codeQueue, int(n)*1000)
			} else if f := strings.Fields(got); len(f) == 4 {
				got = strings.Join(append(f[:3], "0"), " ") // si_value is not meant here
			}
			if got != want {
				t.Errorf("%s: child saw %q, want %q", w.name, got, want)
			}
		}
	}
	stdin.Close()
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 42 {
		t.Errorf("exit code %d, want 42", got)
	}
}

func next(t *testing.T, lines <-chan string) string {
	t.Helper()
	select {
	case l := <-lines:
		return l
	case <-time.After(30 * time.Second):
		t.Fatal("nothing arrived")
		return ""
	}
}

func TestTenThousandZombies(t *testing.T) {
	cmd := supervised(os.Args[0], "role-orphans", "10000")
	cmd.Env = append(os.Environ(), "REPORT=1")
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := "reaped 10000\n"; string(out) != want {
		t.Errorf("output %q, want %q", out, want)
	}
	t.Logf("10,000 zombies made and reaped in %v", time.Since(start))
}

// What the main child leaves behind ends with it.
func TestEndRest(t *testing.T) {
	out, err := supervised(os.Args[0], "role-leave").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var pid int
	if _, err := fmt.Sscanf(string(out), "daemon %d", &pid); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	// A dead one may wait for init to take it, when it was not ours in time.
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && !strings.Contains(string(b), ") Z ") {
		t.Errorf("the daemon still runs: %s", b)
	}
}

// A nil pointer is still a panic that can be recovered, not a death: the
// processor's own faults go to the Go runtime.
func TestFaultStaysAPanic(t *testing.T) {
	out, err := exec.Command(os.Args[0], "role-fault").CombinedOutput()
	if err != nil || string(out) != "recovered\n" {
		t.Errorf("%v: %s", err, out)
	}
}

// A signal that arrives after Close must not start a storm of SIGPIPEs.
func TestSignalsAfterClose(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, os.Args[0], "role-closed").CombinedOutput()
	if err != nil || string(out) != "alive\n" {
		t.Errorf("%v: %s", err, out)
	}
}
