//go:build kernel

package sweep

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// headless starts a process that goes on after its first thread has ended.
func headless(t *testing.T) (pid int, ended <-chan struct{}) {
	t.Helper()
	cmd := exec.Command("python3", "-c", `
import ctypes, os, threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)`)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid = cmd.Process.Pid
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-done })
	for range 500 {
		if st, err := procfs.ReadStat(pid); err == nil && st.State == 'Z' && st.Threads > 1 {
			return pid, done
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("its first thread goes on")
	return
}

// TestHeadlessVisitors: a session that ended its first thread before anybody
// looked is judged by its program and its arguments, and ended.
func TestHeadlessVisitors(t *testing.T) {
	for _, kill := range []bool{false, true} {
		inside, _ := sleeper(t)
		outsider, ended := headless(t)
		j := &judge{wants: Wants{Sessions: true, Policy: 1, MaxTasks: 1}, kill: kill}
		s := within(t, j, &tree{first: inside, outside: []int{outsider}, tasks: 3})
		for range 30 {
			s.Look(time.Now())
			time.Sleep(time.Millisecond)
		}
		if len(j.sessions) != 1 {
			t.Fatalf("%d questions: %+v", len(j.sessions), j.sessions)
		}
		a := j.sessions[0]
		if a.Proc.PID != outsider || !strings.Contains(a.Path, "python3") || len(a.Args) != 3 || a.Unverified || a.File.Ino == 0 {
			t.Errorf("%+v", a)
		}
		if _, n := s.count(); !kill && n < 2 {
			t.Errorf("%d tasks are counted", n)
		}
		if !s.memoryOf(outsider).seen && !kill {
			t.Error("its memory is not seen")
		}
		select {
		case <-ended:
			if !kill {
				t.Error("it was ended")
			}
		case <-time.After(2 * time.Second):
			if kill {
				t.Error("it was not ended")
			}
		}
	}
}
