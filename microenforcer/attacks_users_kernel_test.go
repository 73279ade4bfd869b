//go:build kernel

package microenforcer_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

// user is one way of being somebody: who the enforcer is, and who the
// application makes itself.
type user struct {
	name string
	as   []string // starts the enforcer
	app  []string // starts the attacks
	root bool     // the attacks run as root
}

const sysPtrace = "19"

var users = []user{
	{name: "root", root: true},
	{name: "root without SYS_PTRACE", as: []string{"/tmp/attack", "without", sysPtrace}, root: true},
	{name: "uid 1000", as: []string{"/tmp/attack", "drop-to", "1000"}},
	{name: "root becomes 1000", app: []string{"/tmp/attack", "drop-to", "1000"}},
	{name: "root becomes 1000 without SYS_PTRACE", as: []string{"/tmp/attack", "without", sysPtrace}, app: []string{"/tmp/attack", "drop-to", "1000"}},
}

// rootOnly are the attacks that the kernel refuses to others, so that they do
// not work in audit mode either.
var rootOnly = map[string]bool{"raw socket": true, "namespace": true, "mount": true, "bpf": true, "setuid": true, "denied user": true}

// apart are the controls that would name the attacks of others first: they
// are tried in a run of their own.
var apart = map[string]bool{"interpreters": true, "users": true}

// Everybody's attacks are stopped in enforce mode and reported in audit mode,
// one after the other in one run.
func TestAttacksOfEverybody(t *testing.T) {
	c := newCell(t)
	for _, u := range users {
		t.Run(u.name, func(t *testing.T) {
			var together, alone []attackCase
			for _, tt := range attackCases {
				switch {
				case tt.control == "processLimit": // it would hold for every attack before its own
				case tt.control == "privilegeChange" && u.app != nil: // who may not change who he is cannot become 1000
				case apart[tt.control]:
					alone = append(alone, tt)
				default:
					together = append(together, tt)
				}
			}
			for _, mode := range []string{"audit", "enforce"} {
				everyAttack(t, c, u, together, mode)
				everyAttack(t, c, u, alone, mode)
			}
		})
	}
}

func everyAttack(t *testing.T, c *cell, u user, cases []attackCase, mode string) {
	t.Helper()
	controls, command := "", append(append([]string{}, u.app...), "/tmp/attack", "each")
	// A mount hides /tmp from what follows.
	isMount := func(tt attackCase) bool { return tt.name == "mount" }
	order := slices.DeleteFunc(slices.Clone(cases), isMount)
	if i := slices.IndexFunc(cases, isMount); i >= 0 {
		order = append(order, cases[i])
	}
	for i, tt := range order {
		peer := cellPeer
		if tt.control == "reverseShell" {
			peer = cellOther // its connection is not to be denied
		}
		tt = tt.at(peer, mode)
		order[i] = tt
		// The rule of the tcp case, without its protocol, holds for udp too.
		if !strings.HasPrefix(tt.name, "outbound udp") && !strings.Contains(controls, tt.controls) {
			controls += strings.Replace(tt.controls, ", ports: [80], protocols: [tcp]", "", 1)
		}
		command = append(append(command, tt.attack...), ";")
	}
	writePolicy(t, filepath.Join(c.dir, "p.yaml"), controls)
	os.Remove(filepath.Join(c.dir, "dropped")) // another user's
	c.mask = u.as
	r := c.run(t, []string{"--policy", "/tmp/p.yaml", "--manifest", "/tmp/manifest"}, command...)
	c.mask = nil
	parts := strings.Split("\n"+r.out, "\nattack ")[1:]
	if len(parts) < len(order) {
		t.Errorf("%s: only %d attacks\n%s", mode, len(parts), r.brief())
		return
	}
	want := eventpb.Verdict_VERDICT_AUDIT
	if mode == "enforce" {
		want = eventpb.Verdict_VERDICT_DENY
	}
	for i, tt := range order {
		_, said, _ := strings.Cut(parts[i], "\n")
		if tt.control == "reverseShell" {
			said = r.out // its peer heard it
		}
		able := tt.worked != "" && (u.root || !rootOnly[tt.name])
		switch {
		case mode == "enforce" && (!strings.Contains(said, tt.denied) || tt.worked != "" && strings.Contains(said, tt.worked)):
			t.Errorf("enforce %s: want %q: %s", tt.name, tt.denied, parts[i])
		case mode == "audit" && able && !strings.Contains(said, tt.worked):
			t.Errorf("audit %s: want %q: %s", tt.name, tt.worked, parts[i])
		}
		events := r.of(tt.control)
		if tt.control == "drift" {
			events = append(events, r.of("fileless")...) // on a tmpfs it is both
		}
		if len(events) == 0 {
			t.Errorf("%s %s: no event", mode, tt.name)
		}
		for _, e := range events {
			checkEvent(t, e, want)
		}
	}
	if t.Failed() {
		t.Log(r.brief())
	}
}
