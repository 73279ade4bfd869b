//go:build kernel

package notify

import (
	"testing"
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
			out, st := supervised(t, newNetJudge(), nil, "/usr/bin/python3", "-c", `
from socket import *
import time
`+tc.hide+`
for f, at in ((AF_INET, ("10.9.0.1", 9)), (AF_INET6, ("fd09::1", 9))):
    for how in range(4):
        s = socket(f, SOCK_DGRAM)
        if how == 1: s.connect(at)
        if how == 2: s.sendto(b"x", at)
        if how == 3: s.bind(("", 0))
        s.close()
time.sleep(4)`)
			if st.ExitStatus() != 0 {
				t.Errorf("status %v: %s", st, out)
			}
			if lastNetwork.Roaming != tc.left {
				t.Errorf("%d still count, want %d", lastNetwork.Roaming, tc.left)
			}
		})
	}
}
