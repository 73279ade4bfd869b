package learn

import (
	"strings"
	"testing"
)

// sshd's unprivileged half asks for group 0, to be sure that it does not get
// it. A policy that was learned from it lets it ask.
func TestProposeGroupChange(t *testing.T) {
	none, root := int64(-1), int64(0)
	asks := item(What{Kind: "privilege", Exe: "/usr/sbin/sshd", UID: 106, Call: "setgid", Family: "identity", ToUID: &none, ToGID: &root}, 1)
	p, err := Propose([]Item{asks}, Options{Name: "learned", Group: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(p.YAML, "- setgid") || p.Simulation.Blocked != 0 {
		t.Errorf("blocked %d by\n%s", p.Simulation.Blocked, p.YAML)
	}
}
