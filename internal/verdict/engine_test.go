package verdict

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

func compile(t testing.TB, w Workload, docs ...string) *Engine {
	t.Helper()
	var ps []*policy.RuntimePolicy
	for _, d := range docs {
		if d == "default" {
			ps = append(ps, policy.Default())
			continue
		}
		if !strings.HasPrefix(d, "apiVersion") {
			d = "apiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata: {name: p}\nspec:\n  controls:\n" + d
		}
		p, err := policy.Parse([]byte(d))
		if err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
	e, err := Compile(ps, w)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func tcp(peer string) *action.Connect {
	return &action.Connect{Proc: &action.Process{Exe: "/usr/bin/curl"}, Protocol: action.ProtoTCP, Peer: netip.MustParseAddrPort(peer)}
}

func run(path string, args ...string) *action.Exec {
	if len(args) == 0 {
		args = []string{path}
	}
	return &action.Exec{Proc: &action.Process{Exe: "/bin/sh"}, Path: path, Requested: path, Args: args, Origin: action.OriginImage, File: action.File{Mode: 0o100755}}
}

// TestDefaultPolicy holds what the demo, the benchmarks and new groups rely on.
func TestDefaultPolicy(t *testing.T) {
	e := compile(t, Workload{}, "default")
	dropped := run("/tmp/x")
	dropped.Origin = action.OriginDrifted
	memfd := run("")
	memfd.Fileless, memfd.Origin = true, action.OriginDrifted
	shell := run("/bin/dash", "sh", "-i")
	shell.SocketFDs, shell.SocketPeer = 7, netip.MustParseAddrPort("192.0.2.1:4444")
	su := run("/usr/bin/su")
	su.File.Mode |= 0o4000
	hook := run("/docker-entrypoint-initdb.d/10-x.sh")
	hook.Script, hook.Origin = true, action.OriginDrifted
	hookRunsDropped := run("/docker-entrypoint-initdb.d/10-y.sh")
	hookRunsDropped.Script, hookRunsDropped.Origin, hookRunsDropped.InterpOrigin = true, action.OriginDrifted, action.OriginDrifted
	hookELF := run("/docker-entrypoint-initdb.d/evil")
	hookELF.Origin = action.OriginDrifted
	user := &action.Process{Exe: "/usr/sbin/nginx", UID: 33, GID: 33}
	root := &action.Process{Exe: "/usr/sbin/nginx"}

	want := func(name string, d Decision, v Verdict, c policy.ControlID, r policy.RuleID) {
		t.Helper()
		if d.Verdict != v || d.Control != c || d.Rule != r || v != Allow && d.Policy != "default" {
			t.Errorf("%s: %+v", name, d)
		}
	}
	want("dropped binary", e.Exec(dropped), Deny, policy.Drift, RuleDrifted)
	want("memfd", e.Exec(memfd), Deny, policy.Fileless, RuleMemory)
	memfd.Origin = action.OriginUnknown
	want("memfd without manifest", e.Exec(memfd), Deny, policy.Fileless, RuleMemory)
	want("package manager", e.Exec(run("/usr/bin/apt-get", "apt-get", "update")), Deny, policy.PackageManagers, "apt-get")
	want("reverse shell", e.Exec(shell), Deny, policy.ReverseShell, "stdin+stdout+stderr")
	want("su", e.Exec(su), Audit, policy.SetuidBinaries, RuleSetuid)
	want("hook script", e.Exec(hook), Allow, "", "")
	want("hook script of a dropped interpreter", e.Exec(hookRunsDropped), Deny, policy.Drift, RuleInterp)
	want("hook program", e.Exec(hookELF), Deny, policy.Drift, RuleDrifted)
	want("metadata", e.Connect(tcp("169.254.169.254:80")), Deny, policy.Metadata, "instance")
	want("metadata, mapped", e.Connect(tcp("[::ffff:169.254.169.254]:80")), Deny, policy.Metadata, "instance")
	want("task credentials", e.Connect(tcp("169.254.170.2:80")), Deny, policy.Metadata, "ecs-task")
	want("unshare", e.Privilege(&action.Privilege{Proc: root, Kind: action.PrivNamespace, Syscall: "unshare", Detail: "CLONE_NEWUSER"}), Deny, policy.Namespaces, "user")
	want("bpf", e.Privilege(&action.Privilege{Proc: root, Kind: action.PrivKernel, Syscall: "bpf"}), Deny, policy.KernelInterfaces, "bpf")
	want("mount", e.Privilege(&action.Privilege{Proc: root, Kind: action.PrivMount, Syscall: "mount"}), Deny, policy.Mounts, "mount")
	want("ptrace", e.Privilege(&action.Privilege{Proc: root, Kind: action.PrivTrace, Syscall: "ptrace"}), Deny, policy.Injection, "ptrace")
	want("af_alg", e.Socket(&action.Socket{Proc: root, Domain: 38, Type: 5}), Deny, policy.SocketFamilies, "deny[0]")
	want("setuid(0)", e.Privilege(&action.Privilege{Proc: user, Kind: action.PrivIdentity, Syscall: "setuid", ToUID: 0, ToGID: -1}), Audit, policy.PrivilegeChange, RuleRaiseUser)

	for name, d := range map[string]Decision{
		"nginx":            e.Exec(run("/usr/sbin/nginx", "nginx", "-g", "daemon off;")),
		"npm start":        e.Exec(run("/usr/bin/node", "npm", "start")),
		"entrypoint":       e.Exec(run("/docker-entrypoint.sh")),
		"connect":          e.Connect(tcp("10.0.0.1:5432")),
		"dns":              e.Connect(&action.Connect{Proc: user, Protocol: action.ProtoUDP, Peer: netip.MustParseAddrPort("10.0.0.2:53")}),
		"unix socket":      e.Connect(&action.Connect{Proc: user, Protocol: action.ProtoUnix, Unix: "/run/postgresql/.s.PGSQL.5432"}),
		"tcp socket":       e.Socket(&action.Socket{Proc: user, Domain: 2, Type: 1}),
		"netlink":          e.Socket(&action.Socket{Proc: user, Domain: 16, Type: 3}),
		"mptcp":            e.Socket(&action.Socket{Proc: user, Domain: 2, Type: 1, Protocol: 262}),
		"setuid(33) by 0":  e.Privilege(&action.Privilege{Proc: root, Kind: action.PrivIdentity, Syscall: "setuid", ToUID: 33, ToGID: -1}),
		"setgid(33) by 33": e.Privilege(&action.Privilege{Proc: user, Kind: action.PrivIdentity, Syscall: "setgid", ToUID: -1, ToGID: 33}),
		"chroot":           e.Privilege(&action.Privilege{Proc: root, Kind: action.PrivMount, Syscall: "chroot"}),
		"fork":             e.Fork(&action.Fork{Proc: user, Tasks: 400}),
	} {
		want(name, d, Allow, "", "")
	}
	audit := compile(t, Workload{GroupMode: policy.Audit}, "default")
	want("in an audit group", audit.Exec(dropped), Audit, policy.Drift, RuleDrifted)
	want("in an audit group, other verdicts", audit.Connect(tcp("169.254.169.254:80")), Audit, policy.Metadata, "instance")
	off := compile(t, Workload{GroupMode: policy.Off}, "default")
	want("in a group that is off", off.Exec(dropped), Allow, "", "")
}

func TestEnforceAfterDays(t *testing.T) {
	doc := "apiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata: {name: p}\nspec:\n  enforceAfterDays: 7\n  controls: {fileless: {mode: enforce}}\n  exceptions: [{paths: [/dev/shm/ok], expires: 2026-11-25}]\n"
	a := run("/dev/shm/x")
	a.Fileless = true
	start := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		assigned, now time.Time
		verdict       Verdict
		next          time.Time
	}{
		{start, start, Audit, time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)},
		{start, start.Add(6 * 24 * time.Hour), Audit, start.Add(7 * 24 * time.Hour)},
		{start, start.Add(7 * 24 * time.Hour), Deny, time.Time{}},
		{time.Time{}, start.Add(70 * 24 * time.Hour), Audit, time.Time{}},
	} {
		e := compile(t, Workload{AssignedAt: tt.assigned, Now: tt.now}, doc)
		if d := e.Exec(a); d.Verdict != tt.verdict || !e.NextChange().Equal(tt.next) {
			t.Errorf("at %v: %v, next change %v", tt.now, d.Verdict, e.NextChange())
		}
	}
}

func TestEffectiveExplainAndNeeds(t *testing.T) {
	named := func(name, controls string) string {
		return "apiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata: {name: " + name + "}\nspec:\n  controls:\n" + controls
	}
	e := compile(t, Workload{GroupMode: policy.Enforce},
		named("b", "    fileless: {mode: audit}\n    honeypots: {mode: enforce, ports: [22]}\n"),
		named("a", "    fileless: {mode: enforce, response: stopContainer}\n    outbound: {mode: audit, deny: [{dnsNames: [x.example]}]}\n"))
	var fileless, honeypots, drift, outbound EffectiveControl
	for _, c := range e.Effective() {
		switch c.Control {
		case policy.Fileless:
			fileless = c
		case policy.Honeypots:
			honeypots = c
		case policy.Drift:
			drift = c
		case policy.Outbound:
			outbound = c
		}
	}
	want := EffectiveControl{Control: policy.Fileless, Mode: policy.Enforce, Available: true, Sources: []ControlSource{
		{Policy: "a", Mode: policy.Enforce, Asked: policy.Enforce}, {Policy: "b", Mode: policy.Audit, Asked: policy.Audit}}}
	if diff := cmp.Diff(want, fileless); diff != "" {
		t.Errorf("fileless (-want +got):\n%s", diff)
	}
	if !honeypots.Available || honeypots.Mode != policy.Enforce || len(honeypots.Notes) != 0 { // ports are watched as paths are
		t.Errorf("honeypots: %+v", honeypots)
	}
	if drift.Mode != policy.Off || len(drift.Sources) != 0 || len(outbound.Sources) != 1 {
		t.Errorf("drift %+v, outbound %+v", drift, outbound)
	}
	if len(e.Effective()) != len(policy.ControlIDs()) || e.Mode(policy.SelfProtection) != policy.Enforce || e.Mode(policy.Fileless) != policy.Enforce {
		t.Error("not every control is shown")
	}
	n := e.Needs()
	if !n.Exec || n.Digest || n.Origin || !n.Socket || !n.Connect || n.Fork || n.Privilege[action.PrivMount] {
		t.Errorf("needs %+v", n)
	}
	if n := compile(t, Workload{}, "default").Needs(); !n.Digest || !n.Origin || !n.SocketFDs || n.ExactForks || !n.Privilege[action.PrivTrace] {
		t.Errorf("needs of the default policy: %+v", n)
	}
	a := run("/dev/shm/x")
	a.Fileless = true
	d := e.Exec(a)
	if !d.Stop || !d.Kill || d.Policy != "a" {
		t.Errorf("%+v", d)
	}
	if x := e.Explain(d); !strings.Contains(x.Why, `Rule "tmpfs" of control "Fileless execution" in policy "a" matched. The policy says enforce with stopContainer`) {
		t.Errorf("explanation: %+v", x)
	}
	if x := e.Explain(Decision{}); x.Why == "" {
		t.Error("no explanation of an allowed action")
	}
	weak := compile(t, Workload{GroupMode: policy.Audit}, named("a", "    fileless: {mode: enforce}\n"))
	if x := weak.Explain(weak.Exec(a)); !strings.Contains(x.Why, "says enforce, but the group's mode is audit") || x.Asked != policy.Enforce || x.GroupMode != policy.Audit {
		t.Errorf("explanation: %+v", x)
	}
}

func TestCompileRefuses(t *testing.T) {
	p := policy.Default()
	if _, err := Compile([]*policy.RuntimePolicy{p, p}, Workload{}); err == nil {
		t.Error("two policies of one name")
	}
	if _, err := Compile([]*policy.RuntimePolicy{nil}, Workload{}); err == nil {
		t.Error("a missing policy")
	}
	if _, err := Compile(nil, Workload{GroupMode: "loud"}); err == nil {
		t.Error("a wrong mode")
	}
	bad := &policy.RuntimePolicy{Metadata: policy.Meta{Name: "x"}, Spec: policy.Spec{Controls: policy.Controls{Fileless: &policy.FilelessControl{
		Setting: policy.Setting{Mode: policy.Audit}, AllowedPaths: []policy.Glob{"/a["}}}}}
	if _, err := Compile([]*policy.RuntimePolicy{bad}, Workload{}); err == nil {
		t.Error("a bad pattern")
	}
	e, err := Compile(nil, Workload{})
	if err != nil || e.Exec(run("/x")) != (Decision{}) || e.Privilege(&action.Privilege{Kind: 99}) != (Decision{}) {
		t.Errorf("no policies: %v", err)
	}
}

// TestOddActions holds that actions with missing parts never crash.
func TestOddActions(t *testing.T) {
	e := compile(t, Workload{}, "default", `apiVersion: limpet.dev/v1
kind: RuntimePolicy
metadata: {name: odd}
spec:
  controls:
    allowedExecutables: {mode: enforce, rules: [{paths: [/a], users: [0], parents: [/b]}]}
    deniedExecutables: {mode: enforce, rules: [{paths: [/a], users: [0]}]}
    outbound: {mode: enforce, allow: [{ports: [1], processes: [/a], users: [0]}]}
    privilegeChange: {mode: enforce, changes: any, capabilities: true}
  exceptions: [{processes: [/x], users: [1]}]
`)
	e.Exec(&action.Exec{})
	e.Exec(&action.Exec{Path: "/lib/ld-linux-x86-64.so.2", ArgsTruncated: true, SocketFDs: 255})
	e.Connect(&action.Connect{})
	e.Connect(&action.Connect{Protocol: 200, Unix: "@"})
	e.Socket(&action.Socket{Domain: -1, Type: -1, Protocol: -1})
	e.Fork(&action.Fork{Tasks: 1 << 30})
	for k := range action.PrivilegeKind(8) {
		e.Privilege(&action.Privilege{Kind: k})
	}
}
