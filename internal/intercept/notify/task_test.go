package notify

import (
	"os/exec"
	"testing"
	"time"
)

// TestTasksForgetTheDead lets nobody inherit what was known of a process that
// had his id before: neither its identity nor its descriptors, which name
// something else by then.
func TestTasksForgetTheDead(t *testing.T) {
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	pid := child.Process.Pid
	s := &Supervisor{lent: true}
	call := func() *Call {
		c := &Call{s: s}
		c.PID = uint32(pid)
		return c
	}
	k := s.tasks.get(call())
	if k.proc.PID != pid || k.proc.Exe == "" || k.proc.Gone || s.tasks.get(call()) != k {
		t.Fatalf("a living process: %+v", k)
	}
	child.Process.Kill()
	child.Wait()
	if k = s.tasks.get(call()); !k.proc.Gone || len(s.tasks.m) != 0 {
		t.Errorf("after its end: %+v, %d remembered", k, len(s.tasks.m))
	}

	// The dead are let go once it is calm, the living are not.
	other := exec.Command("sleep", "60")
	child = exec.Command("sleep", "60")
	for _, c := range []*exec.Cmd{other, child} {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		pid = c.Process.Pid
		s.tasks.get(call())
	}
	defer func() { child.Process.Kill(); child.Wait() }()
	other.Process.Kill()
	other.Wait()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		s.tasks.mu.Lock()
		n := len(s.tasks.m)
		s.tasks.mu.Unlock()
		if n == 1 && s.tasks.get(call()).alive() {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d are still remembered", n)
		}
	}
	s.tasks.close()
}
