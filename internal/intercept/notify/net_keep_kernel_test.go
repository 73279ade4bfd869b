//go:build kernel

package notify

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sockets counts the sockets this process holds.
func sockets(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range names {
		if l, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(l, "socket:") {
			n++
		}
	}
	return n
}

// Duplicates of what the application closed go, what it holds stays usable.
func TestSweep(t *testing.T) {
	if !enterWorld(t) {
		return
	}
	if err := buildWorld(); err != nil {
		t.Fatal(err)
	}
	before := sockets(t)
	peak, low := 0, 1<<30
	stop := make(chan struct{})
	seen := make(chan struct{})
	go func() {
		defer close(seen)
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
			n := sockets(t)
			peak = max(peak, n)
			if peak > before+200 {
				low = min(low, n)
			}
		}
	}()
	out, st := supervised(t, newNetJudge(), nil, "/usr/bin/python3", "-c", `
from socket import *
import time, os
keep = socket(AF_INET, SOCK_DGRAM); keep.bind(("10.9.0.1", 0))
l = [socket(AF_INET, SOCK_DGRAM) for _ in range(300)]
time.sleep(0.1)
for s in l: s.close()
time.sleep(2.5)
socket(AF_INET, SOCK_DGRAM).sendto(b"x", keep.getsockname()); print(keep.recv(9))
if os.fork() == 0:
    keep.sendto(b"y", keep.getsockname()); print(keep.recv(9)); os._exit(0)
os.wait()`)
	close(stop)
	<-seen
	if st.ExitStatus() != 0 || out != "b'x'\nb'y'\n" {
		t.Errorf("status %v: %q", st, out)
	}
	if peak < before+300 || low > before+20 {
		t.Errorf("%d sockets before, %d at the peak, %d after the sweep", before, peak, low)
	}
	if after := sockets(t); after > before {
		t.Errorf("%d sockets before, %d after the end", before, after)
	}
}

// A process of another user that is not of the tree keeps no duplicate alive,
// although nobody may look into it.
func TestBystandersHoldNothing(t *testing.T) {
	bystander := exec.Command("/bin/sleep", "100")
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = bystander.Process.Kill(); _ = bystander.Wait() }()
	defer func() { whileRunning = nil }()
	whileRunning = func(s *Supervisor) {
		if s.mayHold(bystander.Process.Pid) || !s.mayHold(s.PID()) {
			t.Errorf("bystander %v, workload %v", s.mayHold(bystander.Process.Pid), s.mayHold(s.PID()))
		}
	}
	if out, st := supervised(t, newNetJudge(), nil, "/bin/sleep", "1"); st != 0 {
		t.Errorf("status %v: %s", st, out)
	}
}

// A thousand connects into a black hole hold nobody else up, and die with
// their callers.
func TestBlackHole(t *testing.T) {
	if !enterWorld(t) {
		return
	}
	if err := buildWorld(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	out, st := supervised(t, newNetJudge(), nil, "/usr/bin/python3", "-c", `
from socket import *
import threading, time, os
threading.stack_size(65536)
def hang():
    try: socket().connect(("10.8.0.2", 80))
    except OSError: pass
for _ in range(1000): threading.Thread(target=hang, daemon=True).start()
l = socket(); l.bind(("10.9.0.1", 0)); l.listen(8)
worst = 0
for _ in range(200):
    t = time.monotonic(); s = socket(); s.connect(l.getsockname()); worst = max(worst, time.monotonic() - t); s.close(); l.accept()[0].close()
print(worst < 1, flush=True)
os.kill(os.getpid(), 9)`)
	if st.Signal() != syscall.SIGKILL || out != "True\n" {
		t.Errorf("status %#x: %q", uint32(st), out)
	}
	if d := time.Since(begin); d > 30*time.Second {
		t.Errorf("took %v", d)
	}
}

// A socket whose connect failed leaves its owner's epoll soon after close, as
// natively at once: else its end is reported under a number that another
// connection has by then. A socket that stays open can be connected again.
func TestFailedConnectLeavesEpoll(t *testing.T) {
	if !enterWorld(t) {
		return
	}
	if err := buildWorld(); err != nil {
		t.Fatal(err)
	}
	out, st := supervised(t, newNetJudge(), nil, "/usr/bin/python3", "-c", `
from socket import *
import select, time, errno
free = socket(); free.bind(("10.9.0.1", 0)); at = free.getsockname()
e = select.epoll()
soon = late = 0
while soon < 10 and soon + late < 200: # a busy machine has bad moments
    s = socket(); s.setblocking(False)
    e.register(s.fileno(), select.EPOLLIN | select.EPOLLOUT)
    r = s.connect_ex(at)
    assert r in (errno.EINPROGRESS, errno.ECONNREFUSED), r
    assert e.poll(60), "no event of the refusal"
    s.close()
    time.sleep(0.05)
    if not e.poll(0): soon += 1
    else: late += 1
    end = time.monotonic() + 40
    while e.poll(0):
        assert time.monotonic() < end, "it never leaves"
        time.sleep(0.01)
print("soon", soon == 10, late if soon < 10 else "")
s = socket(); s.setblocking(False)
s.connect_ex(at)
p = select.poll(); p.register(s, select.POLLERR); p.poll(40000)
print("error", s.getsockopt(SOL_SOCKET, SO_ERROR) == errno.ECONNREFUSED)
free.listen()
s.setblocking(True)
try: s.connect(at)
except ConnectionAbortedError: s.connect(at) # so it is natively
print("again", s.getpeername() == at)`)
	if st.ExitStatus() != 0 || out != "soon True \nerror True\nagain True\n" {
		t.Errorf("status %v: %q", st, out)
	}
}
