//go:build kernel

package notify

import (
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// What a caller sees of a call that it was borrowed for is what it sees of its
// own, corner by corner.
func TestCarriedCalls(t *testing.T) {
	sameCorners(t, "netcarry", func(t *testing.T) {
		if r := lastNetwork; r.Carried < 40 || r.Contested != 0 {
			t.Errorf("carried %d, contested %d", r.Carried, r.Contested)
		}
	})
}

// UDP sockets that are certainly gone make no send dear any more; one that
// hides in a message still counts.
func TestCertainDeath(t *testing.T) {
	if !enterWorld(t) {
		return
	}
	if err := buildWorld(); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, hide string
		left       int
	}{
		{"gone", "", 0},
		{"hiding", "a, b = socketpair(); h = socket(AF_INET, SOCK_DGRAM); send_fds(a, [b'x'], [h.fileno()]); h.close()", 1},
		{"hiding, bound", "a, b = socketpair(); h = socket(AF_INET6, SOCK_DGRAM); h.bind(('::1', 0)); send_fds(a, [b'x'], [h.fileno()]); h.close()", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			made, done := dir+"/made", dir+"/done"
			defer func() { whileRunning = nil }()
			whileRunning = func(s *Supervisor) {
				for end := time.Now().Add(runLimit - 10*time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
					if _, err := os.Stat(made); err == nil && s.Network().Roaming <= tc.left {
						break
					}
				}
				if tc.left > 0 { // what hides goes on counting, when everybody has been looked at again
					time.Sleep(4 * time.Second)
				}
				if err := os.WriteFile(done, nil, 0o644); err != nil {
					t.Error(err)
				}
			}
			out, st := supervised(t, newNetJudge(), nil, "/usr/bin/python3", "-c", `
from socket import *
import os, sys, time
`+tc.hide+`
for f, at in ((AF_INET, ("10.9.0.1", 9)), (AF_INET6, ("fd09::1", 9))):
    for how in range(4):
        s = socket(f, SOCK_DGRAM)
        if how == 1: s.connect(at)
        if how == 2: s.sendto(b"x", at)
        if how == 3: s.bind(("", 0))
        s.close()
open(sys.argv[1], "w").close()
while not os.path.exists(sys.argv[2]): time.sleep(0.02)`, made, done)
			if st.ExitStatus() != 0 {
				t.Errorf("status %v: %s", st, out)
			}
			if lastNetwork.Roaming != tc.left {
				t.Errorf("%d still count, want %d", lastNetwork.Roaming, tc.left)
			}
		})
	}
}

// A socket whose connect failed leaves the caller's epoll when the caller closes
// it, whoever has its number next; and it can be connected again all the same.
func TestDeadSockets(t *testing.T) {
	if !enterWorld(t) {
		return
	}
	if err := buildWorld(); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp4", "10.9.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); _, _ = io.Copy(c, c) }()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	argv := []string{program(t, "netstale"), "10.9.0.1", "9", port, "300"}
	const want = "stale 0, wrong 0, again 31, blocking 31\n"
	if out := unsupervised(t, argv...); out != want {
		t.Fatalf("plain: %s", out)
	}
	defer func() { withoutKillable, withoutGate = false, false }()
	for _, withoutKillable = range []bool{false, true} {
		for _, withoutGate = range []bool{false, true} {
			if out, st := supervised(t, newNetJudge(), nil, argv...); st != 0 || out != want {
				t.Errorf("without WAIT_KILLABLE %v, without Landlock %v: status %v: %s", withoutKillable, withoutGate, st, out)
			}
		}
	}
}
