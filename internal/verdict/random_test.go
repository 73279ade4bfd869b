package verdict

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/workload"
)

// random makes policies and actions from a small world, so that they meet.
type random struct{ *rand.Rand }

func pick[T any](r random, from ...T) T { return from[r.IntN(len(from))] }

// some picks up to n different values.
func some[T comparable](r random, n int, from ...T) []T {
	var out []T
	for range r.IntN(n + 1) {
		if v := pick(r, from...); !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// maybe gives a new T half of the time.
func maybe[T any](r random, make func() *T) *T {
	if r.IntN(2) == 0 {
		return nil
	}
	return make()
}

var paths = []string{"/bin/a", "/bin/b", "/usr/bin/a", "/usr/bin/c", "/usr/lib/x/a", "/tmp/a", "/tmp/x/y", "/app", ""}

func (r random) globs(n int) []policy.Glob {
	return some[policy.Glob](r, n, "/bin/a", "/usr/bin/a", "/tmp/**", "/usr/**", "/usr/*/a", "/**/a", "/bin/?", "/usr/lib/**/a", "/app", "/**", "/tmp/x/*")
}

func (r random) users() []policy.User {
	return some[policy.User](r, 2, "root", "app", "nobody", "0", "1000", "1000-1999", "ghost")
}

func (r random) digests() []policy.Digest { return some(r, 2, digest(1), digest(2), digest(3)) }

func digest(n byte) workload.Digest { return workload.Digest{n} }

func (r random) cidrs() []policy.CIDR {
	return some[policy.CIDR](r, 2, "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "0.0.0.0/0", "::/0", "2001:db8::/32", "2001:db8::1", "127.0.0.0/8", "169.254.0.0/16", "192.0.2.0/31")
}

func (r random) ports() []policy.Ports {
	return some(r, 2, policy.Ports{First: 80, Last: 80}, policy.Ports{First: 443, Last: 443}, policy.Ports{First: 8000, Last: 8999}, policy.Ports{First: 81, Last: 442}, policy.Ports{First: 1, Last: 65535})
}

func (r random) setting() policy.Setting {
	return policy.Setting{Mode: pick(r, policy.Off, policy.Audit, policy.Enforce, policy.Enforce), Response: pick(r, "", "", policy.ResponseDeny, policy.ResponseKill, policy.ResponseStop)}
}

func (r random) calls() []policy.SyscallName {
	return some[policy.SyscallName](r, 1, "unshare", "mount", "bpf", "ptrace", "setuid")
}

func (r random) call() *policy.CallControl {
	return &policy.CallControl{Setting: r.setting(), AllowedProcesses: r.globs(1), AllowedUsers: r.users(), AllowedSyscalls: r.calls()}
}

func (r random) executables() *policy.ExecutableControl {
	k := &policy.ExecutableControl{Setting: r.setting(), Paths: r.globs(2), Names: some[policy.Name](r, 1, "a", "c", "y*", "?"), Digests: r.digests()}
	for i := range r.IntN(3) {
		k.Rules = append(k.Rules, policy.ExecutableRule{Name: pick(r, "", fmt.Sprintf("r%d", i)), Paths: r.globs(2), Names: some[policy.Name](r, 1, "a", "b"),
			Digests: r.digests(), Users: r.users(), Parents: r.globs(1)})
	}
	return k
}

func (r random) rules() []policy.NetworkRule {
	var out []policy.NetworkRule
	for i := range r.IntN(3) {
		rule := policy.NetworkRule{Name: pick(r, "", fmt.Sprintf("n%d", i)), CIDRs: r.cidrs(), Ports: r.ports(), Protocols: some[policy.NetworkProtocol](r, 2, "tcp", "udp", "icmp", "unix", "other"),
			UnixSockets: some[policy.SocketPath](r, 1, "/run/x.sock", "/run/**", "@bus", "@b*"), Processes: r.globs(1), Users: r.users(), DNSNames: r.hostPatterns(1)}
		if len(rule.CIDRs)+len(rule.Ports)+len(rule.Protocols)+len(rule.UnixSockets)+len(rule.DNSNames) > 0 {
			out = append(out, rule)
		}
	}
	return out
}

var now = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

func (r random) policy(name string) *policy.RuntimePolicy {
	p := &policy.RuntimePolicy{APIVersion: policy.APIVersion, Kind: policy.KindRuntime, Metadata: policy.Meta{Name: name}}
	p.Spec.EnforceAfterDays = pick(r, 0, 0, 0, 5, 20)
	if r.IntN(4) == 0 {
		p.Spec.Scope = policy.Scope{Images: some[policy.ImageGlob](r, 1, "reg/app", "reg/app:1", "reg/*", "other"), Groups: some(r, 1, "g", "h")}
		if r.IntN(2) == 0 {
			p.Spec.Scope.Labels = map[string]string{"env": pick(r, "prod", "dev")}
		}
	}
	p.Spec.Controls = policy.Controls{
		AllowedExecutables: maybe(r, r.executables),
		DeniedExecutables:  maybe(r, r.executables),
		Drift: maybe(r, func() *policy.DriftControl {
			return &policy.DriftControl{Setting: r.setting(), AllowedPaths: r.globs(1), AllowedScripts: r.globs(1), AllowScripts: r.IntN(4) == 0, AllowMoved: r.IntN(2) == 0,
				AllowLibraries: r.IntN(4) == 0, LibraryProcesses: r.globs(1), AllowLoader: r.IntN(4) == 0}
		}),
		Fileless: maybe(r, func() *policy.FilelessControl {
			return &policy.FilelessControl{Setting: r.setting(), AllowedPaths: r.globs(1)}
		}),
		Interpreters: maybe(r, r.interpreters),
		Users:        maybe(r, r.userControl),
		AnonymousExecutable: maybe(r, func() *policy.AnonymousMemoryControl {
			return &policy.AnonymousMemoryControl{Setting: r.setting(), AllowedProcesses: r.globs(1)}
		}),
		SystemTampering: maybe(r, func() *policy.SystemTamperingControl {
			return &policy.SystemTamperingControl{Setting: r.setting(), IgnoreClock: r.IntN(3) == 0, AllowedProcesses: r.globs(1)}
		}),
		Preload: maybe(r, func() *policy.PreloadControl {
			return &policy.PreloadControl{Setting: r.setting(), AllowedLibraries: r.globs(1)}
		}),
		SetuidBinaries: maybe(r, func() *policy.SetuidControl {
			return &policy.SetuidControl{Setting: r.setting(), AllowedPaths: r.globs(1), IgnoreSetgid: r.IntN(2) == 0}
		}),
		ReverseShell: maybe(r, r.shellControl),
		ProcessLimit: maybe(r, func() *policy.ProcessLimitControl {
			return &policy.ProcessLimitControl{Setting: r.setting(), MaxTasks: 1 + r.IntN(5), MaxDepth: r.IntN(4), Watch: r.IntN(2) == 0}
		}),
		ExecSessions: maybe(r, func() *policy.ExecSessionControl {
			return &policy.ExecSessionControl{Setting: r.setting(), AllowedProcesses: r.globs(2), AllowedUsers: r.users()}
		}),
		Outbound: maybe(r, func() *policy.OutboundControl {
			return &policy.OutboundControl{Setting: r.setting(), Allow: r.rules(), Deny: r.rules(), RestrictLoopback: r.IntN(2) == 0}
		}),
		MetadataEndpoints: maybe(r, func() *policy.MetadataControl {
			return &policy.MetadataControl{Setting: r.setting(), AllowedProcesses: r.globs(1), AllowedUsers: r.users(), AllowedEndpoints: some[policy.EndpointName](r, 1, "instance", "ecs-task"), Addresses: r.cidrs()}
		}),
		SocketFamilies: maybe(r, func() *policy.SocketFamilyControl {
			return &policy.SocketFamilyControl{Setting: r.setting(), Deny: some[policy.SocketFamily](r, 2, "alg", "packet", "inet6"), Allow: some[policy.SocketFamily](r, 2, "unix", "inet", "netlink"),
				DenyTypes: some[policy.SocketType](r, 1, "raw", "rdm"), DenyProtocols: some[policy.IPProtocol](r, 1, "mptcp", "sctp")}
		}),
		Namespaces: maybe(r, func() *policy.NamespaceControl {
			return &policy.NamespaceControl{Setting: r.setting(), Allowed: some[policy.Namespace](r, 2, "user", "mount", "net"), AllowedProcesses: r.globs(1), AllowedUsers: r.users(), AllowedSyscalls: r.calls()}
		}),
		Mounts: maybe(r, r.call), KernelInterfaces: maybe(r, r.call), Injection: maybe(r, r.call),
		PrivilegeChange: maybe(r, func() *policy.PrivilegeChangeControl {
			return &policy.PrivilegeChangeControl{Setting: r.setting(), Changes: pick[policy.ChangeKind](r, "", "raise", "any"), AllowedTargets: r.users(), Capabilities: r.IntN(2) == 0,
				AllowedProcesses: r.globs(1), AllowedUsers: r.users(), AllowedSyscalls: r.calls()}
		}),
	}
	p.Spec.Controls.DNS = maybe(r, r.dns)
	r.listening(&p.Spec.Controls)
	for range r.IntN(3) {
		x := policy.Exception{Controls: some(r, 2, policy.Drift, policy.Outbound, policy.Mounts, policy.AllowedExecutables, policy.DNS), Processes: r.globs(1), Users: r.users(), Paths: r.globs(1),
			Digests: r.digests(), CIDRs: r.cidrs(), Ports: r.ports(), DNSNames: r.hostPatterns(1), Syscalls: r.calls()}
		switch r.IntN(3) { // all selectors at once seldom match
		case 0:
			x.Digests, x.CIDRs, x.Ports, x.DNSNames, x.Syscalls = nil, nil, nil, nil, nil
		case 1:
			x.Processes, x.Users, x.Paths = nil, nil, nil
		}
		if r.IntN(3) == 0 {
			t := now.Add(time.Duration(r.IntN(3)-1) * time.Hour)
			x.Expires = &t
		}
		if !x.Empty() {
			p.Spec.Exceptions = append(p.Spec.Exceptions, x)
		}
	}
	return p
}

func (r random) workload() Workload {
	w := Workload{Image: pick(r, "reg/app:1", "reg/app@sha256:00", "other:2", ""), Group: "g", Labels: map[string]string{"env": "prod"},
		GroupMode: pick(r, "", policy.Enforce, policy.Enforce, policy.Audit, policy.Off), Now: now, Users: map[string]uint32{"root": 0, "app": 1000, "nobody": 65534}, Groups: map[string]uint32{"root": 0, "app": 1000, "wheel": 10}, Lists: some(r, 2, bothLists...)}
	if r.IntN(2) == 0 {
		w.AssignedAt = now.Add(-10 * 24 * time.Hour)
	}
	return w
}

func (r random) proc() *action.Process {
	return &action.Process{Exe: pick(r, paths...), UID: pick[uint32](r, 0, 0, 1000, 1500, 65534), GID: pick[uint32](r, 0, 1000)}
}

func (r random) peer() netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(pick(r, "10.1.2.3", "10.2.3.4", "192.0.2.1", "192.0.2.2", "::ffff:10.1.2.3", "2001:db8::1", "2001:db9::1", "127.0.0.1", "::1", "0.0.0.0", "::",
		"169.254.169.254", "169.254.170.2", "fd00:ec2::254", "168.63.129.16")), pick[uint16](r, 80, 443, 8080, 0, 65535))
}

func (r random) exec() *action.Exec {
	a := &action.Exec{Proc: r.proc(), Path: pick(r, paths...), Requested: pick(r, paths...), Origin: action.Origin(r.IntN(6)), Script: r.IntN(3) == 0,
		Fileless: r.IntN(5) == 0, SocketFDs: uint8(pick(r, 0, 0, 0, 1, 3, 7, 4)), AcceptedFDs: uint8(r.IntN(8)), SocketPeer: r.peer(), Unverified: r.IntN(12) == 0, Args: []string{pick(r, "a", "zz")}}
	if r.IntN(4) > 0 {
		a.Digest = digest(byte(1 + r.IntN(4)))
	}
	if a.Script {
		a.Interpreter = pick(r, paths...)
		a.InterpOrigin = pick(r, action.OriginUnknown, action.OriginImage, action.OriginImage, action.Origin(r.IntN(6)))
	}
	a.Refs, a.IDs = r.refs(), r.ids(a.Proc)
	a.File.Mode = 0o100755 | pick[uint32](r, 0, 0, 0, 0o4000, 0o2000, 0o6000)
	if r.IntN(8) == 0 {
		a.File.Mode = pick[uint32](r, 0, 0o100644, 0o040755, 0o102010)
	}
	return a
}

func (r random) connect() *action.Connect {
	a := &action.Connect{Proc: r.proc(), Protocol: action.Protocol(r.IntN(5)), Scan: action.Scan{Ports: pick(r, 0, 1, 3, 25, 31), Hosts: pick(r, 0, 2, 4, 60)}}
	if a.Protocol == action.ProtoUnix {
		if a.Unix = pick(r, "/run/x.sock", "/run/y/z.sock", "x.sock", "@bus", "@other", ""); a.Unix != "" && a.Unix[0] != '@' {
			a.Real, a.Absent = pick(r, "", "", "/run/x.sock", "/srv/x.sock"), r.IntN(5) == 0
		}
	} else {
		a.Peer, a.Own = r.peer(), r.IntN(2) == 0
		r.named(a)
		if r.IntN(5) == 0 {
			a.Raw, a.Resolver = true, false
			a.Peer = pick(r, a.Peer, netip.AddrPortFrom(a.Peer.Addr(), 0))
		}
	}
	return a
}

func (r random) privilege() *action.Privilege {
	return &action.Privilege{Proc: r.proc(), Kind: action.PrivilegeKind(r.IntN(privilegeKinds)), Syscall: pick(r, "unshare", "mount", "chroot", "bpf", "ptrace", "setuid", "capset"),
		Detail: pick(r, "CLONE_NEWUSER", "CLONE_NEWNS|CLONE_NEWUSER", "CLONE_NEWNET", "", "0x1"), ToUID: pick[int64](r, -1, 0, 1000, 1500), ToGID: pick[int64](r, -1, 0, 1000)}
}

// TestEngineAgreesWithNaiveEvaluator judges random actions by random policies
// both ways; the policies stand in random order.
func TestEngineAgreesWithNaiveEvaluator(t *testing.T) {
	rounds := 4000
	if testing.Short() {
		rounds = 500
	}
	r := random{rand.New(rand.NewPCG(20261122, 2))}
	counts := map[Verdict]int{}
	total := 0
	deadline := time.Now().Add(15 * time.Second)
	for round := range rounds {
		if time.Now().After(deadline) {
			t.Logf("stopped after %d rounds", round)
			break
		}
		compare(t, r, counts)
		total += 50
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
	t.Logf("%d actions: %v", total, counts)
	if counts[Allow] < total/20 || counts[Audit] < total/20 || counts[Deny] < total/20 {
		t.Errorf("the mixture is poor: %v", counts)
	}
}

// compare judges 50 actions of every sort by one set of policies.
func compare(t *testing.T, r random, counts map[Verdict]int) {
	t.Helper()
	ps := []*policy.RuntimePolicy{r.policy("p0"), r.policy("p1"), r.policy("p2")}[:1+r.IntN(3)]
	w := r.workload()
	e, err := Compile(ps, w)
	if err != nil {
		t.Fatal(err)
	}
	r.Shuffle(len(ps), func(i, j int) { ps[i], ps[j] = ps[j], ps[i] })
	shuffled, err := Compile(ps, w)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		var a any
		var got, again, want Decision
		switch i % 11 {
		case 0:
			x := r.exec()
			a, got, again, want = x, e.Exec(x), shuffled.Exec(x), naiveExec(ps, &w, x)
		case 1:
			x := r.connect()
			a, got, again, want = x, e.Connect(x), shuffled.Connect(x), naiveConnect(ps, &w, x)
		case 2:
			x := r.privilege()
			a, got, again, want = x, e.Privilege(x), shuffled.Privilege(x), naivePrivilege(ps, &w, x)
		case 3:
			x := &action.Socket{Proc: r.proc(), Domain: pick(r, 1, 2, 10, 16, 17, 38, 44, 99), Type: 1 + r.IntN(5), Protocol: pick(r, 0, 6, 132, 262)}
			a, got, again, want = x, e.Socket(x), shuffled.Socket(x), naiveSocket(ps, &w, x)
		case 4:
			x := &action.Fork{Proc: r.proc(), Tasks: r.IntN(8)}
			a, got, again, want = x, e.Fork(x), shuffled.Fork(x), naiveFork(ps, &w, x)
		case 5:
			x := &action.Session{Exec: *r.exec(), First: r.IntN(4) > 0, Probe: r.IntN(5) == 0}
			a, got, again, want = x, e.Session(x), shuffled.Session(x), naiveSession(ps, &w, x)
		case 6:
			x := &action.Crowd{Proc: r.proc(), Tasks: r.IntN(8), Depth: r.IntN(5)}
			a, got, again, want = x, e.Crowd(x), shuffled.Crowd(x), naiveCrowd(ps, &w, x)
		case 7:
			x := r.bind()
			a, got, again, want = x, e.Bind(x), shuffled.Bind(x), naiveBind(ps, &w, x)
		case 8:
			x := r.accept()
			a, got, again, want = x, e.Accept(x), shuffled.Accept(x), naiveAccept(ps, &w, x)
		case 10:
			x := r.accept()
			x.Proc = nil
			a, got, again, want = x, e.Touch(x), shuffled.Touch(x), naiveTouch(ps, &w, x)
		case 9:
			x := r.relayedShell()
			a, got, again, want = x, e.Relayed(x), shuffled.Relayed(x), naiveRelayed(ps, &w, x)
		}
		counts[got.Verdict]++
		if got != want || again != got {
			text := ""
			for _, p := range ps {
				y, _ := p.YAML()
				text += "---\n" + string(y)
			}
			t.Errorf("%T %+v\nworkload %+v\nengine   %+v\nshuffled %+v\nnaive    %+v\n%s", a, a, w, got, again, want, text)
			return
		}
	}
}

// TestAnotherPolicyNeverWeakens holds the merge rules as a property: with one
// policy more, no action is judged more mildly.
func TestAnotherPolicyNeverWeakens(t *testing.T) {
	r := random{rand.New(rand.NewPCG(7, 7))}
	for range 300 {
		w := r.workload()
		few := []*policy.RuntimePolicy{r.policy("b")}
		one, err := Compile(few, w)
		if err != nil {
			t.Fatal(err)
		}
		more, err := Compile(append(few, r.policy(pick(r, "a", "c"))), w)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			x, c, p := r.exec(), r.connect(), r.privilege()
			if more.Exec(x).Verdict < one.Exec(x).Verdict || more.Connect(c).Verdict < one.Connect(c).Verdict || more.Privilege(p).Verdict < one.Privilege(p).Verdict {
				t.Fatalf("weaker with another policy: %+v %+v %+v", x, c, p)
			}
		}
	}
}

// FuzzEngine compares the two for seeds that the fuzzer chooses.
func FuzzEngine(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Add(uint64(0), uint64(1<<63))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		compare(t, random{rand.New(rand.NewPCG(a, b))}, map[Verdict]int{})
	})
}
