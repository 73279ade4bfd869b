//go:build kernel

package microenforcer_test

import (
	"os"
	"path/filepath"
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
	// trusted: the enforcer has CAP_SYS_PTRACE, and nothing can be closed to it.
	trusted bool
	long    bool // not on emulated machines
}

const sysPtrace = "19"

var users = []user{
	{name: "root", root: true, trusted: true},
	{name: "root without SYS_PTRACE", as: []string{"/tmp/attack", "without", sysPtrace}, root: true},
	{name: "uid 1000", as: []string{"/tmp/attack", "drop-to", "1000"}},
	{name: "root becomes 1000", trusted: true, app: []string{"/tmp/attack", "drop-to", "1000"}},
	{name: "root becomes 1000 without SYS_PTRACE", as: []string{"/tmp/attack", "without", sysPtrace}, app: []string{"/tmp/attack", "drop-to", "1000"}},
	{name: "root is 1000 for now, without SYS_PTRACE", as: []string{"/tmp/attack", "without", sysPtrace}, app: []string{"/tmp/attack", "drop-for-now", "1000"}, long: true},
}

// Everybody's attacks are stopped in enforce mode and reported in audit mode,
// one after the other in one run.
func TestAttacksOfEverybody(t *testing.T) {
	c := newCell(t)
	for _, u := range users {
		if testing.Short() && (u.trusted || u.long) {
			continue // the same with more rights
		}
		t.Run(u.name, func(t *testing.T) {
			// Who may not change who he is cannot become 1000.
			together, alone := groups(func(tt attackCase) bool { return tt.control == "privilegeChange" && u.app != nil })
			for _, mode := range []string{"audit", "enforce"} {
				everyAttack(t, c, u, together, mode)
				if mode == "enforce" || !testing.Short() {
					everyAttack(t, c, u, alone, mode)
				}
			}
		})
	}
}

func everyAttack(t *testing.T, c *cell, u user, cases []attackCase, mode string) {
	t.Helper()
	controls, command, order := compose(cases, mode, cellPeer, cellOther)
	command = append(append([]string{}, u.app...), command...)
	writePolicy(t, filepath.Join(c.dir, "p.yaml"), controls)
	os.Remove(filepath.Join(c.dir, "dropped")) // another user's
	c.mask = u.as
	r := c.run(t, []string{"--policy", "/tmp/p.yaml", "--manifest", "/tmp/manifest"}, command...)
	c.mask = nil
	parts := r.said(len(order))
	if parts == nil {
		t.Errorf("%s: not every attack was tried\n%s", mode, r.brief())
		return
	}
	want := eventpb.Verdict_VERDICT_AUDIT
	if mode == "enforce" {
		want = eventpb.Verdict_VERDICT_DENY
	}
	for i, tt := range order {
		said := parts[i]
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
