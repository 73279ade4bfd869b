//go:build kernel

package notify

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

func TestSupervisorWithstandsItsTree(t *testing.T) {
	j := &judge{}
	out, st := supervised(t, j, []string{"LIMPET_TEST_HELPER=attack", "SUP=" + strconv.Itoa(os.Getpid())}, self(t))
	if out != "done\n" || st.ExitStatus() != 0 {
		t.Errorf("got %q, %v", out, st)
	}
	if len(j.tampers) < 64 {
		t.Errorf("only %d attempts were reported", len(j.tampers))
	}
}

// Where Landlock confines nothing and the supervisor is not PID 1, the filter
// and the handlers alone keep it alive, whatever the call.
func TestSupervisorWithstandsWithoutScope(t *testing.T) {
	withoutScope = true
	defer func() { withoutScope = false }()
	TestSupervisorWithstandsItsTree(t)
}

// Signals to everybody reach everybody but the supervisor. In a namespace of
// its own, whose PID 1 is a shell: what is here may kill all that it sees.
func TestSignalsToEverybody(t *testing.T) {
	if os.Getenv("LIMPET_TEST_EVERYBODY") == "" {
		cmd := exec.Command("unshare", "-p", "-f", "--kill-child", "--mount-proc", "sh", "-c", `setsid "$@"; exit $?`, "sh", self(t), "-test.run=^TestSignalsToEverybody$")
		cmd.Env = append(os.Environ(), "LIMPET_TEST_EVERYBODY=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if os.Getpid() == 1 || os.Getppid() != 1 {
		t.Fatal("this must run below PID 1 of a namespace of its own")
	}
	withoutScope = true
	defer func() { withoutScope = false }()
	j := &judge{}
	want := "kill(-1): errno 0\nchild: signal: killed\nsetpgid: operation not permitted\nkill(-group): operation not permitted\nF_SETSIG: operation not permitted\n" +
		"descriptor: errno 0\nchild: signal: terminated\nsupervisor: operation not permitted\nnot a process: bad file descriptor\n"
	out, st := supervised(t, j, []string{"LIMPET_TEST_HELPER=everybody", "SUP=" + strconv.Itoa(os.Getpid()), "SUPGROUP=" + strconv.Itoa(syscall.Getpgrp())}, self(t))
	if out != want || st.ExitStatus() != 0 {
		t.Errorf("got %q, %v", out, st)
	}
	if len(j.tampers) < 3 {
		t.Errorf("reported: %q", j.tampers)
	}
}

// Whoever kills the supervisor gains nothing: every governed call fails.
func TestDeathFailsClosed(t *testing.T) {
	if os.Getenv("LIMPET_TEST_SUPERVISE") != "" {
		superviseCalls(t)
		return
	}
	cmd := exec.Command(self(t), "-test.run=^TestDeathFailsClosed$")
	cmd.Env = append(os.Environ(), "LIMPET_TEST_SUPERVISE=1")
	in, _ := cmd.StdinPipe()
	pipe, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := func() string {
		var s []byte
		var b [1]byte
		for {
			if n, err := pipe.Read(b[:]); n == 0 || err != nil || b[0] == '\n' {
				return string(s)
			}
			s = append(s, b[0])
		}
	}
	if l := line(); l != "ready" {
		t.Fatalf("got %q", l)
	}
	_, _ = in.Write([]byte("x"))
	if l := line(); l != "14 0 22" {
		t.Errorf("alive: got errnos %q", l)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Process.Release()
	_, _ = in.Write([]byte("x"))
	if l := line(); l != "38 38 38" {
		t.Errorf("dead: got errnos %q", l)
	}
}

func superviseCalls(t *testing.T) {
	s, err := Start(t.Context(), Config{Judge: &judge{}}, Command{
		Path: self(t), Args: []string{"calls"}, Env: append(os.Environ(), "LIMPET_TEST_HELPER=calls"),
	})
	if err != nil {
		t.Fatal(err)
	}
	for {
		if pid, _, ok := linux.Reap(); ok && pid == s.PID() {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
