package verdict

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
)

// large is a policy with long lists, beside the default one.
func large() *policy.RuntimePolicy {
	p := &policy.RuntimePolicy{APIVersion: policy.APIVersion, Kind: policy.KindRuntime, Metadata: policy.Meta{Name: "large"}}
	on := policy.Setting{Mode: policy.Enforce}
	denied := &policy.ExecutableControl{Setting: on}
	for i := range 2000 {
		denied.Paths = append(denied.Paths, policy.Glob(fmt.Sprintf("/opt/denied/%d/bin", i)))
		denied.Digests = append(denied.Digests, policy.Digest{byte(i), byte(i >> 8), 1})
	}
	denied.Paths = append(denied.Paths, "/srv/**/tool*", "/usr/bin/n[cd]", "/opt/**")
	out := &policy.OutboundControl{Setting: on}
	rule := policy.NetworkRule{Ports: []policy.Ports{{First: 1, Last: 65535}}}
	for i := range 2000 {
		rule.CIDRs = append(rule.CIDRs, policy.CIDR(fmt.Sprintf("11.%d.%d.0/24", i/256, i%256)), policy.CIDR(fmt.Sprintf("2001:db8:%x::/48", i)))
	}
	out.Deny = []policy.NetworkRule{rule}
	out.Allow = []policy.NetworkRule{{CIDRs: []policy.CIDR{"10.0.0.0/8", "fd00::/8"}}}
	p.Spec.Controls = policy.Controls{DeniedExecutables: denied, Outbound: out}
	p.Spec.Exceptions = []policy.Exception{{Processes: []policy.Glob{"/usr/bin/backup"}, Users: []policy.User{"0"}}}
	return p
}

func largeEngine(t testing.TB) *Engine {
	e, err := Compile([]*policy.RuntimePolicy{policy.Default(), large()}, Workload{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

var (
	proc       = &action.Process{Exe: "/usr/sbin/nginx", UID: 33, GID: 33}
	allowedRun = &action.Exec{Proc: proc, Path: "/usr/lib/postgresql/15/bin/postgres", Requested: "/usr/lib/postgresql/15/bin/postgres",
		Args: []string{"postgres", "-D", "/var/lib/postgresql"}, Origin: action.OriginImage, Digest: policy.Digest{9}}
	allowedConnect  = &action.Connect{Proc: proc, Protocol: action.ProtoTCP, Peer: netip.MustParseAddrPort("10.1.2.3:5432")}
	allowedConnect6 = &action.Connect{Proc: proc, Protocol: action.ProtoUDP, Peer: netip.MustParseAddrPort("[fd00::53]:53")}
	allowedSocket   = &action.Socket{Proc: proc, Domain: 2, Type: 1}
	allowedFork     = &action.Fork{Proc: proc, Tasks: 9}
	allowedCall     = &action.Privilege{Proc: proc, Kind: action.PrivIdentity, Syscall: "setuid", ToUID: 33, ToGID: -1}
	deniedNamespace = &action.Privilege{Proc: proc, Kind: action.PrivNamespace, Syscall: "unshare", Detail: "CLONE_NEWNS|CLONE_NEWUSER"}
	deniedConnect   = &action.Connect{Proc: proc, Protocol: action.ProtoTCP, Peer: netip.MustParseAddrPort("11.1.2.3:443")}
	deniedRun       = &action.Exec{Proc: proc, Path: "/usr/bin/apt-get", Args: []string{"apt-get", "install"}, Origin: action.OriginImage}
)

// TestNoAllocation holds that neither an allowed nor a denied action costs an
// allocation.
func TestNoAllocation(t *testing.T) {
	e := largeEngine(t)
	for name, f := range map[string]func() Decision{
		"exec":     func() Decision { return e.Exec(allowedRun) },
		"connect":  func() Decision { return e.Connect(allowedConnect) },
		"connect6": func() Decision { return e.Connect(allowedConnect6) },
		"socket":   func() Decision { return e.Socket(allowedSocket) },
		"fork":     func() Decision { return e.Fork(allowedFork) },
		"call":     func() Decision { return e.Privilege(allowedCall) },
	} {
		if d := f(); d.Verdict != Allow {
			t.Errorf("%s: %+v", name, d)
		}
		if n := testing.AllocsPerRun(200, func() { f() }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	for name, f := range map[string]func() Decision{
		"exec":      func() Decision { return e.Exec(deniedRun) },
		"connect":   func() Decision { return e.Connect(deniedConnect) },
		"namespace": func() Decision { return e.Privilege(deniedNamespace) },
	} {
		if d := f(); d.Verdict != Deny {
			t.Errorf("denied %s: %+v", name, d)
		}
		if n := testing.AllocsPerRun(200, func() { f() }); n != 0 {
			t.Errorf("denied %s: %v allocations", name, n)
		}
	}
}

func BenchmarkVerdict(b *testing.B) {
	def, err := Compile([]*policy.RuntimePolicy{policy.Default()}, Workload{})
	if err != nil {
		b.Fatal(err)
	}
	for name, e := range map[string]*Engine{"default": def, "large": largeEngine(b)} {
		b.Run(name+"/exec", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.Exec(allowedRun)
			}
		})
		b.Run(name+"/connect", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.Connect(allowedConnect)
			}
		})
		b.Run(name+"/fork", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.Fork(allowedFork)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	ps := []*policy.RuntimePolicy{policy.Default(), large()}
	for b.Loop() {
		if _, err := Compile(ps, Workload{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCompileDefault is part of every start.
func BenchmarkCompileDefault(b *testing.B) {
	ps := []*policy.RuntimePolicy{policy.Default()}
	for b.Loop() {
		if _, err := Compile(ps, Workload{}); err != nil {
			b.Fatal(err)
		}
	}
}
