//go:build kernel

package notify

import (
	"net/netip"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
)

// reachJudge judges what others can reach, too.
type reachJudge struct {
	*netJudge
	ports []uint16 // that may not be bound, and whose connections are refused
	binds []action.Bind
	taken []action.Accept
}

var _ intercept.NetworkJudge = (*reachJudge)(nil)

func (j *reachJudge) JudgesPeers() bool   { return true }
func (j *reachJudge) JudgesUnix() bool    { return true }
func (j *reachJudge) JudgesBinds() bool   { return true }
func (j *reachJudge) JudgesAccepts() bool { return true }

func (j *reachJudge) denies(a netip.AddrPort) intercept.Answer {
	for _, p := range j.ports {
		if a.Port() == p {
			j.denied++
			return intercept.Answer{Errno: syscall.EACCES}
		}
	}
	return intercept.Allow
}

func (j *reachJudge) Bind(b *action.Bind) intercept.Answer {
	j.nmu.Lock()
	defer j.nmu.Unlock()
	if len(j.binds) < 1000 {
		j.binds = append(j.binds, *b)
	}
	return j.denies(b.Local)
}

func (j *reachJudge) Accept(a *action.Accept) intercept.Answer {
	j.nmu.Lock()
	defer j.nmu.Unlock()
	if len(j.taken) < 1000 {
		j.taken = append(j.taken, *a)
	}
	for _, p := range j.ports { // of the peer: the test's own number for "not this one"
		if a.Peer.Port() == p {
			return intercept.Answer{Errno: syscall.ECONNABORTED}
		}
	}
	return intercept.Allow
}

// Programs see of judged binds, listens and accepts what they see of plain ones.
func TestReachCorners(t *testing.T) {
	if !enterWorld(t) {
		return
	}
	if err := buildWorld(); err != nil {
		t.Fatal(err)
	}
	arms = &seccomp.Arms{Accepts: true}
	defer func() { arms = nil }()
	for _, name := range []string{"netreach"} {
		p := program(t, name)
		want := unsupervised(t, p)
		for _, tc := range []struct {
			name           string
			gate, killable bool
		}{
			{"all facilities", true, true},
			{"no Landlock", false, true},
			{"signals interrupt notifications", true, false},
		} {
			t.Run(name+"/"+tc.name, func(t *testing.T) {
				withoutGate, withoutKillable = !tc.gate, !tc.killable
				defer func() { withoutGate, withoutKillable = false, false }()
				j := &reachJudge{netJudge: newNetJudge()}
				got, st := supervised(t, j, nil, p)
				if st.ExitStatus() != 0 {
					t.Errorf("status %v", st)
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("supervised differs from plain (-plain +supervised):\n%s", d)
				}
				if len(j.binds) == 0 || len(j.taken) == 0 {
					t.Errorf("%d binds, %d accepts were judged", len(j.binds), len(j.taken))
				}
			})
		}
	}
}

// A refused peer is reset before the application knows of it, and the next in
// the queue is served; forbidden ports are refused at bind and at listen.
func TestReachDenied(t *testing.T) {
	if !enterWorld(t) {
		return
	}
	if err := buildWorld(); err != nil {
		t.Fatal(err)
	}
	arms = &seccomp.Arms{Accepts: true}
	defer func() { arms = nil }()
	j := &reachJudge{netJudge: newNetJudge(), ports: []uint16{4444}}
	out, st := supervised(t, j, nil, "/usr/bin/python3", "-c", `
from socket import *
def t(f):
    try: return f()
    except OSError as e: return e.errno
for kind in (SOCK_STREAM, SOCK_DGRAM):
    s = socket(AF_INET, kind); print(t(lambda: s.bind(("10.9.0.1", 4444))))
    s = socket(AF_INET6, kind); print(t(lambda: s.bind(("::", 4444))))
l = socket(); l.bind(("10.9.0.1", 0)); l.listen(8)
bad = socket(); bad.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
good = socket(); good.connect(l.getsockname())
first = l.accept()[1][1] == good.getsockname()[1]
print(first)`)
	want := "13\n13\n13\n13\nTrue\n"
	if st.ExitStatus() != 0 || out != want {
		t.Errorf("status %v: %q", st, out)
	}
	// The peer of a port of its choice is refused while another waits.
	j = &reachJudge{netJudge: newNetJudge(), ports: []uint16{39999}}
	out, st = supervised(t, &peersOnly{j}, nil, "/usr/bin/python3", "-c", `
from socket import *
import select, threading
l = socket(); l.bind(("10.9.0.1", 0)); l.listen(8); at = l.getsockname()
def bad():
    s = socket(); s.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1); s.bind(("10.9.0.2", 39999))
    try: s.connect(at); s.sendall(b"x")
    except ConnectionResetError: pass # as soon as this
    return s
b = bad(); g = socket(); g.connect(at)
c, peer = l.accept(); print(peer == g.getsockname())
try: print(b.recv(1) or "reset")
except OSError: print("reset")
l.setblocking(False); b = bad(); print(bool(select.select([l], [], [], 5)[0]))
try: l.accept(); print("accepted")
except BlockingIOError: print("none")
l.setblocking(True); got = []
th = threading.Thread(target=lambda: got.append(l.accept()[1]), daemon=True); th.start()
b = bad(); g2 = socket(); g2.connect(at); th.join(20); print(got == [g2.getsockname()])`)
	if want := "True\nreset\nTrue\nnone\nTrue\n"; st.ExitStatus() != 0 || out != want {
		t.Errorf("status %v: %q", st, out)
	}
}

// peersOnly lets everything be bound.
type peersOnly struct{ *reachJudge }

func (j *peersOnly) Bind(*action.Bind) intercept.Answer { return intercept.Allow }
