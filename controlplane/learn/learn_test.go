package learn

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane/events"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/profile"
	"github.com/limpet-security/limpet/internal/verdict"
)

var t0 = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func item(w What, n int64) Item {
	return Item{What: w, Workload: "sha256:a", Count: n, Starts: 2, FirstSeen: t0, LastSeen: t0.Add(time.Hour)}
}

func ran(path, by string) Item {
	return item(What{Kind: "exec", Path: profile.Path(path), Exe: by, Origin: "image"}, 3)
}

func TestProposeAllowsWhatWasSeenOnly(t *testing.T) {
	items := []Item{
		ran("/usr/sbin/nginx", "/bin/sh"), ran("/opt/app/1.2.3/run", "/bin/sh"), ran("/opt/app/1.2.4/run", "/bin/sh"), ran("/tmp/tmp.aB3dE5gH/x.sh", "/bin/sh"),
		item(What{Kind: "connect", Exe: "/usr/bin/app", Protocol: "tcp", Address: "10.1.2.3", Port: 5432}, 9),
		item(What{Kind: "connect", Exe: "/usr/bin/app", Protocol: "tcp", Address: "127.0.0.1", Port: 6379}, 9),
		item(What{Kind: "privilege", Exe: "/usr/bin/app", Call: "unshare", Detail: "CLONE_NEWUTS", Family: "namespace"}, 1),
	}
	p, err := Propose(items, Options{Name: "x", Group: "web"})
	if err != nil {
		t.Fatal(err)
	}
	if p.Simulation.Blocked != 0 || len(p.Check) != 1 {
		t.Errorf("blocked %d, check %q\n%s", p.Simulation.Blocked, p.Check, p.YAML)
	}
	for _, want := range []string{"/opt/app/*/run", "/tmp/tmp.*/x.sh", "10.1.2.3", "# CHECK", "# seen 3 times"} {
		if !strings.Contains(p.YAML, want) {
			t.Errorf("no %q in\n%s", want, p.YAML)
		}
	}
	doc, err := policy.Parse([]byte(p.YAML))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		it   Item
		want verdict.Verdict
	}{
		{ran("/tmp/tmp.Zz9Yy8Xx7W/x.sh", "/bin/sh"), verdict.Allow},
		{ran("/opt/app/2.0.0/run", "/bin/sh"), verdict.Allow},
		{ran("/tmp/evil", "/bin/sh"), verdict.Deny},
		{item(What{Kind: "connect", Exe: "/usr/bin/app", Protocol: "tcp", Address: "10.1.2.3", Port: 5433}, 1), verdict.Deny},
		{item(What{Kind: "connect", Exe: "/usr/bin/other", Protocol: "tcp", Address: "10.1.2.3", Port: 5432}, 1), verdict.Deny},
		{item(What{Kind: "privilege", Exe: "/usr/bin/other", Call: "unshare", Detail: "CLONE_NEWUTS", Family: "namespace"}, 1), verdict.Deny},
	} {
		trial, err := NewTrial([]*policy.RuntimePolicy{doc}, verdict.Workload{})
		if err != nil {
			t.Fatal(err)
		}
		if d := trial.Item(tt.it); d.Verdict != tt.want {
			t.Errorf("%s %s: %v by %s %s, want %v", tt.it.Executable(), tt.it.Object(), d.Verdict, d.Control, d.Rule, tt.want)
		}
	}
}

// What a workload calls its files and asks name servers for is never more in a
// policy than what it is.
func TestProposeReadsNoPatterns(t *testing.T) {
	connect := func(name string) Item {
		return item(What{Kind: "connect", Exe: "/usr/bin/app", Protocol: "tcp", Address: "0.0.0.0", Port: 443, Name: name}, 1)
	}
	for what, tt := range map[string]struct{ seen, not []Item }{
		"a name with a star":     {[]Item{connect("api.example.com"), connect("*.com")}, []Item{connect("evil.com")}},
		"a name that is none":    {[]Item{connect("we ird")}, []Item{connect("evil.com")}},
		"a question with a star": {[]Item{item(What{Kind: "dns", Exe: "/usr/bin/app", Name: "api.example.com"}, 1), item(What{Kind: "dns", Exe: "/usr/bin/app", Name: "*.com"}, 1)}, []Item{item(What{Kind: "dns", Exe: "/usr/bin/app", Name: "evil.com"}, 1)}},
		"braces and stars":       {[]Item{ran("/opt/{x}/run", "/bin/sh"), ran("/tmp/*12345", "/bin/sh")}, []Item{ran("/opt/x/run", "/bin/sh"), ran("/tmp/a12345", "/bin/sh")}},
	} {
		p, err := Propose(tt.seen, Options{Name: "x", Group: "web"})
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		doc, err := policy.Parse([]byte(p.YAML))
		if err != nil {
			t.Fatal(err)
		}
		trial, err := NewTrial([]*policy.RuntimePolicy{doc}, verdict.Workload{})
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range tt.not {
			if d := trial.Item(it); d.Verdict == verdict.Allow {
				t.Errorf("%s: %s %s is allowed\n%s", what, it.Executable(), it.Object(), p.YAML)
			}
		}
		if c := doc.Spec.Controls.AllowedExecutables; what == "braces and stars" && (c == nil || c.Mode != policy.Enforce) {
			t.Errorf("%s: %q", what, p.Uncovered)
		}
	}
}

// TestProposeFitsAnything makes up workloads: whatever they did, the proposal
// is a valid policy that denies nothing of it.
func TestProposeFitsAnything(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	exes := []string{"/bin/sh", "/usr/bin/app", "/usr/bin/we[ird*", "", "/opt/x y", "rel", "/usr/bin/apt-get", "/tmp/\nx", "/opt/{x}/*1234", "/" + strings.Repeat("d/", 2046) + "dd/" + "a"}
	for round := range 300 {
		var items []Item
		for range 1 + r.IntN(30) {
			n, m := int64(r.IntN(3)-1), int64(r.IntN(2000))
			items = append(items, item(What{
				Kind: pick("exec", "connect", "listen", "socket", "privilege", "file", "dns"), Exe: profile.Path(pick(exes...)), UID: uint32(r.IntN(2) * 1000),
				Path: profile.Path(pick(exes...)), Origin: pick("image", "drifted", "modified", "unknown"), Interpreter: pick("", "/bin/sh"),
				Fileless: r.IntN(9) == 0, Sockets: r.IntN(9) == 0, Protocol: pick("tcp", "udp", "icmp", "unix", "other", "tcp\n  x"),
				Address: pick("10.0.0.1", "fd00:ec2::254%eth0", "169.254.169.254", "::1", "2001:db8::7", "", "nonsense"), Port: uint32(r.IntN(70000)),
				Name: pick("", "", "api.example.com", "x"+fmt.Sprint(r.IntN(9))+".pool.example.org", "we ird", "*.com", "a.*.example.net", "db", "4.3.2.1.in-addr.arpa"), Call: pick("unshare", "mount", "bpf", "ptrace", "setuid", "capset", "modify+create", "read", "delete"), Detail: pick("", "CLONE_NEWUSER"),
				Family: pick("namespace", "mount", "kernel", "trace", "identity", "capability"), ToUID: &n, ToGID: &m,
				Domain: int32(r.IntN(40)), Type: int32(r.IntN(6)), SocketProtocol: int32(r.IntN(200)),
			}, int64(1+r.IntN(5))))
		}
		p, err := Propose(items, Options{Name: "x", Group: "web"})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if p.Simulation.Blocked != 0 {
			t.Fatalf("round %d: %+v\n%s", round, p.Simulation.Hits, p.YAML)
		}
	}
}

func TestSimulateEvents(t *testing.T) {
	doc, err := policy.Parse(policy.DefaultYAML())
	if err != nil {
		t.Fatal(err)
	}
	trial, err := NewTrial([]*policy.RuntimePolicy{doc}, verdict.Workload{})
	if err != nil {
		t.Fatal(err)
	}
	last := t0.Add(time.Minute)
	for i := range 7 {
		trial.Event(events.View{
			ID: fmt.Sprint(i), Kind: "exec", Verdict: "audit", Count: 2, ObservedAt: t0, LastObservedAt: &last,
			Process: &events.Process{Exe: "/bin/sh"}, Object: &events.Object{Type: "file", Path: "/tmp/evil", Origin: "drifted"},
		})
	}
	trial.Event(events.View{ID: "l", Kind: "lifecycle", Verdict: "allow", Count: 1})
	trial.Event(events.View{ID: "f", Kind: "file", Verdict: "deny", Count: 3, Object: &events.Object{Type: "file", Path: "/etc/shadow"}})
	s := trial.Result()
	if s.Blocked != 14 || s.Events != 14 || len(s.Hits) != 1 || len(s.Hits[0].Examples) != maxExamples || !s.Hits[0].LastSeen.Equal(last) {
		t.Errorf("%+v", s)
	}
	if !slices.ContainsFunc(s.NotTried, func(u Unjudged) bool { return u.What == "event file" && u.Count == 3 }) {
		t.Errorf("%+v", s.NotTried)
	}
}

func TestReadinessGrows(t *testing.T) {
	p := store.Profile{FirstSeen: t0.UnixNano(), LastSeen: t0.UnixNano(), LastNew: t0.UnixNano(), Starts: 1}
	items := []Item{ran("/bin/a", "")}
	first := Assess(p, items, t0)
	p.ObservedNs, p.Starts, p.LastSeen = int64(30*time.Hour), 3, t0.Add(30*time.Hour).UnixNano()
	full := Assess(p, items, t0.Add(30*time.Hour))
	if full.Score != 100 || first.Score >= full.Score || len(full.Reasons) != 4 {
		t.Errorf("%+v %+v", first, full)
	}
	p.Dropped, p.Occurrences = 10, 90
	if lost := Assess(p, items, t0.Add(30*time.Hour)); lost.Score >= 70 || lost.Score < 0 {
		t.Errorf("%+v", lost)
	}
	late := items[0]
	late.FirstSeen, late.Count = t0.Add(29*time.Hour), 100
	p.Dropped = 0
	if r := Assess(p, append(items, late), t0.Add(30*time.Hour)); r.Score >= 80 {
		t.Errorf("most of what happened came late, and the score is %d", r.Score)
	}
}
