//go:build kernel

package microenforcer_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

func TestHoneypotPorts(t *testing.T) {
	c := newCell(t)
	for i, tt := range portCases {
		t.Run(tt.name, func(t *testing.T) {
			u := relayUsers[i%len(relayUsers)]
			as := &cell{dir: c.dir, mask: u.mask}
			for _, mode := range []string{"audit", "enforce"} {
				attackOnce(t, tt.at(cellPeer, mode), mode, func(flags []string, command ...string) result {
					writePolicy(t, filepath.Join(c.dir, "p.yaml"), tt.at(cellPeer, mode).controls)
					r := as.run(t, append(flags, "--policy", "/tmp/p.yaml"), append(u.command, command...)...)
					if n := len(r.of("honeypots")); n != 1 && !slices.Contains(tt.attack, "listen") { // bind and listen are two
						t.Errorf("%d events\n%s", n, r.brief())
					}
					return r
				})
			}
		})
	}
	// Somebody outside the tree, who is in no way asked before.
	for mode, want := range map[string]eventpb.Verdict{"audit": eventpb.Verdict_VERDICT_AUDIT, "enforce": eventpb.Verdict_VERDICT_DENY} {
		writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    honeypots: {mode: "+mode+", ports: [7004]}\n")
		r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, "/tmp/attack", "summon", cellPeer+":80", cellOther+":7004")
		events := r.of("honeypots")
		// The reset may come before the dial is over.
		if !r.has("knocked and got") && !(mode == "enforce" && r.has("knocked dial")) || len(events) != 1 {
			t.Errorf("%s: %s", mode, r.brief())
			continue
		}
		if n := events[0].GetNetwork(); events[0].Verdict != want || n.GetAddress() == "" || n.GetLocalPort() != 7004 || n.GetDirection() != "inbound" ||
			!strings.Contains(events[0].Reason, "from outside the workload to port 7004") || strings.Contains(r.out, "reset by peer") != (mode == "enforce") {
			t.Errorf("%s: %v\n%s", mode, events[0], r.out)
		}
	}
	// What is left alone: the same port of another host, other ports, UDP.
	writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    honeypots: {mode: enforce, ports: [7004]}\n")
	r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, "/tmp/attack", "each", "tcp", cellPeer+":80", ";", "listen", "127.0.0.1:7005", ";", "udpbind", "127.0.0.1:7004", ";", "inbound", "127.0.0.1:7006")
	if !r.has("got hello") || !r.has("worked listen") || !r.has("worked udpbind") || !r.has("got served") || len(r.of("honeypots")) != 0 {
		t.Error(r.brief())
	}
}

// A program that works as a miner does is told from one that only works, and
// ended where the policy wants that.
func TestMinerHeuristics(t *testing.T) {
	for _, tt := range []struct{ name, controls string }{
		{"audit", "    cryptoMiners: {mode: audit, heuristics: true}\n"},
		{"kill", "    cryptoMiners: {mode: enforce, heuristics: true, response: killProcess}\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCell(t)
			writePolicy(t, filepath.Join(c.dir, "p.yaml"), tt.controls)
			r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, "/tmp/attack", "child", "/tmp/attack", "mine", "10m")
			events := r.of("cryptoMiners")
			if len(events) == 0 || r.has("signal: killed") != (tt.name == "kill") {
				t.Fatal(r.brief())
			}
			for _, e := range events {
				what := e.Attributes["evidence"]
				if e.Rule != "heuristics" || e.Killed != (tt.name == "kill") || !strings.Contains(what, "bound to one processor") || !strings.Contains(what, "RandomX") || !strings.Contains(what, "made itself") {
					t.Errorf("%v", e)
				}
				if tt.name == "audit" {
					checkEvent(t, e, eventpb.Verdict_VERDICT_AUDIT)
				}
			}
		})
	}
}
