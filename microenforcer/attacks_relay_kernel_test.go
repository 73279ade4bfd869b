//go:build kernel

package microenforcer_test

import (
	"path/filepath"
	"testing"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

// relayUsers are who attacks: the cell's prefix, and what the attack runs behind.
var relayUsers = []struct {
	name          string
	mask, command []string
}{
	{"root", nil, nil},
	{"uid 1000", []string{"setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups"}, nil},
	{"drops to 1000", nil, []string{"/tmp/attack", "drop-to", "1000"}},
	{"drops to 1000 without SYS_PTRACE", []string{"setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace"}, []string{"/tmp/attack", "drop-to", "1000"}},
}

func TestRelayedShells(t *testing.T) {
	for i, tt := range relayCases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // most of the time is waiting
			c := newCell(t)
			u := relayUsers[i%len(relayUsers)]
			for _, mode := range []string{"audit", "enforce"} {
				attackOnce(t, tt.at(cellPeer, mode), mode, func(flags []string, command ...string) result {
					writePolicy(t, filepath.Join(c.dir, "p.yaml"), tt.at(cellPeer, mode).controls)
					as := &cell{dir: c.dir, mask: u.mask}
					r := as.run(t, append(flags, "--policy", "/tmp/p.yaml"), append(u.command, command...)...)
					for _, e := range r.of(tt.control) {
						if a := e.Attributes; a["peer"] == "" || a["relay"] != "/tmp/attack" || a["via"] == "" || e.GetFile().GetPath() != "/tmp/sh" {
							t.Errorf("attributes %v", a)
						}
						if e.Killed != (mode == "enforce") {
							t.Errorf("killed %v", e.Killed)
						}
					}
					return r
				})
			}
			if t.Failed() {
				t.Logf("as %s", u.name)
			}
		})
	}
}

func TestShellsThatAreNotRelayed(t *testing.T) {
	for _, tt := range relayAllowed {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCell(t)
			a := attackCase{controls: tt.controls, attack: tt.attack}.at(cellPeer, "enforce")
			writePolicy(t, filepath.Join(c.dir, "p.yaml"), a.controls)
			r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, append([]string{"/tmp/attack", "child", "/tmp/attack"}, a.attack...)...)
			for _, e := range r.events {
				if e.Verdict != eventpb.Verdict_VERDICT_ALLOW {
					t.Error(e.Reason)
				}
			}
			if !r.has(tt.want) || t.Failed() {
				t.Error(r.brief())
			}
		})
	}
}
