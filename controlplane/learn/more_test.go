package learn

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/controlplane/events"
	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/glob"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/profile"
	"github.com/limpet-security/limpet/internal/verdict"
)

func TestSecrets(t *testing.T) {
	for _, g := range secrets {
		if _, err := glob.Compile(string(g)); err != nil || policyGlob(string(g)) != nil {
			t.Errorf("%s: %v", g, err)
		}
	}
}

func changedFile(path, how string) Item {
	return item(What{Kind: "file", Exe: "/usr/bin/app", Path: profile.Path(path), Call: how}, 2)
}

func asked(name string) Item {
	return item(What{Kind: "dns", Exe: "/usr/bin/app", Name: name}, 2)
}

// TestProposeFilesNamesAndSockets: what was seen, and what is like it, is
// allowed; what was not is denied.
func TestProposeFilesNamesAndSockets(t *testing.T) {
	items := []Item{
		ran("/usr/bin/app", "/bin/sh"),
		changedFile("/var/log/app.log", "modify+append"), changedFile("/etc/app/state", "create"), changedFile("/tmp/tmp.aB3dE5gH/x", "create"), changedFile("/dev/null", "modify"),
		changedFile("/root/.ssh/known_hosts", "read"),
		asked("db.internal.example"), asked("4.3.2.1.in-addr.arpa"),
		item(What{Kind: "connect", Exe: "/usr/bin/app", Protocol: "tcp", Address: "0.0.0.0", Name: "db.internal.example", Port: 5432}, 4),
		item(What{Kind: "connect", Exe: "/usr/bin/app", Protocol: "unix", Path: "/run/app/sock"}, 4),
		item(What{Kind: "connect", Exe: "/usr/bin/app", Protocol: "unix", Path: profile.Path("@bus-aB3dE5gH")}, 4),
		item(What{Kind: "listen", Exe: "/usr/bin/app", Protocol: "tcp", Address: "0.0.0.0", Port: 8080}, 1),
		item(What{Kind: "connect", Exe: "/usr/bin/once", Protocol: "unix", Path: profile.Path("/tmp/n-eazaft/s")}, 4),
		item(What{Kind: "connect", Exe: "/usr/bin/app", Protocol: "unix", Path: profile.Path("/tmp/app/sock")}, 4),
	}
	items[len(items)-2].Starts, items[len(items)-1].Starts = 1, 3
	for i := range 6 {
		items = append(items, changedFile(fmt.Sprintf("/var/lib/app/data/part%c", 'a'+i), "create+modify"), asked(fmt.Sprintf("node%c.pool.example.org", 'a'+i)))
	}
	p, err := Propose(items, Options{Name: "x", Group: "web"})
	if err != nil {
		t.Fatal(err)
	}
	if p.Simulation.Blocked != 0 || len(p.Check) != 0 || len(p.Simulation.NotTried) != 0 {
		t.Errorf("blocked %d, check %q, not tried %+v\n%s", p.Simulation.Blocked, p.Check, p.Simulation.NotTried, p.YAML)
	}
	for _, want := range []string{"/var/log/app.log", "/var/lib/app/data/**", "'*.pool.example.org'", "'*.in-addr.arpa'", "- db.internal.example", "/run/app/sock", "/tmp/app/sock", "'@bus-*'", "- 8080"} {
		if !strings.Contains(p.YAML, want) {
			t.Errorf("no %s in\n%s", want, p.YAML)
		}
	}
	doc, err := policy.Parse([]byte(p.YAML))
	if err != nil {
		t.Fatal(err)
	}
	c := doc.Spec.Controls
	if c.Bind.Mode != policy.Enforce || c.DNS.Mode != policy.Enforce || c.ReadOnlyFiles.Mode != policy.Enforce || slices.Contains(c.FileRead.Paths, "/root/.ssh/**") || !slices.Contains(c.FileRead.Paths, "/etc/shadow") {
		t.Errorf("%s", p.YAML)
	}
	for _, tt := range []struct {
		it   Item
		want policy.ControlID
	}{
		{changedFile("/var/lib/app/data/partz", "create"), ""}, {changedFile("/tmp/anything", "create"), ""}, {changedFile("/etc/passwd", "modify"), policy.ReadOnlyFiles},
		{changedFile("/usr/bin/app", "modify"), policy.ReadOnlyFiles}, {changedFile("/etc/shadow", "read"), policy.FileRead}, {changedFile("/root/.ssh/id", "read"), ""},
		{asked("nodez.pool.example.org"), ""}, {asked("9.9.9.9.in-addr.arpa"), ""}, {asked("evil.test"), policy.DNS},
		{item(What{Kind: "connect", Exe: "/usr/bin/app", Protocol: "tcp", Address: "0.0.0.0", Name: "evil.test", Port: 5432}, 4), policy.Outbound},
		{item(What{Kind: "connect", Exe: "/usr/bin/other", Protocol: "unix", Path: "/run/app/sock"}, 4), policy.Outbound},
		{item(What{Kind: "connect", Exe: "/usr/bin/app", Protocol: "unix", Path: "/run/docker.sock"}, 4), policy.Outbound},
		{item(What{Kind: "connect", Exe: "/usr/bin/once", Protocol: "unix", Path: "/tmp/n-ugaoam/s"}, 4), ""},
		{item(What{Kind: "connect", Exe: "/usr/bin/app", Protocol: "unix", Path: "/tmp/other/sock"}, 4), policy.Outbound},
		{item(What{Kind: "connect", Exe: "/usr/bin/app", Protocol: "unix", Path: profile.Path("@bus-zZ9yY8xX")}, 4), ""},
		{item(What{Kind: "listen", Exe: "/usr/bin/app", Protocol: "tcp", Address: "::", Port: 8080}, 1), ""},
		{item(What{Kind: "listen", Exe: "/usr/bin/app", Protocol: "tcp", Address: "::", Port: 4444}, 1), policy.Bind},
	} {
		trial, err := NewTrial([]*policy.RuntimePolicy{doc}, verdict.Workload{})
		if err != nil {
			t.Fatal(err)
		}
		if d := trial.Item(tt.it); d.Control != tt.want || (tt.want == "") != (d.Verdict == verdict.Allow) {
			t.Errorf("%s: %v by %s %s, want %s", tt.it.Object(), d.Verdict, d.Control, d.Rule, tt.want)
		}
	}
	// A port that nobody was seen to bind: others may have been missed.
	p, err = Propose(append(items, item(What{Kind: "listen", Protocol: "tcp", Address: "::", Port: 9090}, 1)), Options{Name: "x", Group: "web"})
	if err != nil || !slices.ContainsFunc(p.Uncovered, func(s string) bool { return strings.HasPrefix(s, "bind only audits") }) {
		t.Errorf("%v, %q", err, p.Uncovered)
	}
}

func TestSimulateEventsOfFilesNamesAndPorts(t *testing.T) {
	text := "apiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata: {name: x}\nspec:\n  controls:\n    fileWrite: {mode: enforce, paths: [/etc/**]}\n" +
		"    dns: {mode: enforce, deny: [evil.test]}\n    bind: {mode: enforce, deniedPorts: [4444]}\n"
	doc, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	trial, err := NewTrial([]*policy.RuntimePolicy{doc}, verdict.Workload{})
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range []events.Object{
		{Type: "file", Path: "/etc/passwd", Operation: "append"}, {Type: "file", Path: "/etc/passwd", Operation: "read"},
		{Type: "dns", Name: "evil.test"}, {Type: "dns", Name: "a.test", Target: "evil.test"}, {Type: "dns", Name: "a.test"},
		{Type: "network", Protocol: "tcp", Direction: "inbound", LocalAddress: "0.0.0.0", LocalPort: 4444}, {Type: "network", Protocol: "tcp", Direction: "inbound", LocalAddress: "0.0.0.0", LocalPort: 80},
	} {
		kind := "network"
		if o.Type == "file" {
			kind = "file"
		}
		trial.Event(events.View{ID: fmt.Sprint(i), Kind: kind, Verdict: "audit", Count: 1, ObservedAt: t0, Process: &events.Process{Exe: "/bin/sh"}, Object: &o})
	}
	s := trial.Result()
	if s.Events != 7 || s.Blocked != 4 || len(s.NotTried) != 0 {
		t.Errorf("%+v", s)
	}
	if a := (What{Call: "append"}).file().Access; a&action.FileModify == 0 {
		t.Errorf("%v", a)
	}
}

// A start whose reads are not notified still shows files that are opened to be
// read and changed: they do not prove that nobody reads the secrets.
func TestSecretsStayOpenWhereReadsWereNotObserved(t *testing.T) {
	p, err := Propose([]Item{ran("/usr/bin/app", "/bin/sh"), changedFile("/var/log/app.log", "read+modify")}, Options{Name: "x", Group: "web"})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(p.YAML, "/etc/shadow") {
		t.Errorf("reads were not observed, and are denied:\n%s", p.YAML)
	}
}
