package enforcer

import (
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/verdict"
)

const denyAll = `
    deniedExecutables: {mode: MODE, paths: [/bad]}
    outbound: {mode: MODE, deny: [{cidrs: [10.0.0.0/8]}]}
    namespaces: {mode: MODE}
    processLimit: {mode: MODE, maxTasks: 10}
`

func proc() *action.Process {
	return &action.Process{PID: 4_000_000, TID: 4_000_000, PPID: os.Getpid(), UID: 0, Exe: "/bin/sh", Comm: "sh", StartTime: 5}
}

func exec(path string) *action.Exec {
	return &action.Exec{Proc: proc(), Requested: path, Path: path, Args: []string{path, "--password=hunter2"}, FD: -1}
}

func mode(s, m string) string { return strings.ReplaceAll(s, "MODE", m) }

func TestAnswers(t *testing.T) {
	ask := func(l *Loop) map[string]intercept.Answer {
		return map[string]intercept.Answer{
			"exec": l.Exec(exec("/bad")),
			"good": l.Exec(exec("/good")),
			"tcp":  l.Connect(&action.Connect{Proc: proc(), Protocol: action.ProtoTCP, Peer: netip.MustParseAddrPort("10.1.2.3:80")}),
			"udp":  l.Connect(&action.Connect{Proc: proc(), Protocol: action.ProtoUDP, Peer: netip.MustParseAddrPort("10.1.2.3:53"), Datagram: true}),
			"ns":   l.Privilege(&action.Privilege{Proc: proc(), Kind: action.PrivNamespace, Syscall: "unshare", Detail: "CLONE_NEWUSER"}),
			"fork": l.Fork(&action.Fork{Proc: proc(), Tasks: 11}),
		}
	}
	l, k := newLoop(t, Config{}, mode(denyAll, "enforce"))
	want := map[string]intercept.Answer{
		"exec": {Errno: syscall.EACCES}, "good": {}, "tcp": {Errno: syscall.ECONNREFUSED}, "udp": {Errno: syscall.EPERM},
		"ns": {Errno: syscall.EPERM}, "fork": {Errno: syscall.EAGAIN},
	}
	if d := cmp.Diff(want, ask(l)); d != "" {
		t.Error(d)
	}
	for _, e := range k.take() {
		if e.Verdict != eventpb.Verdict_VERDICT_DENY || e.Mode != eventpb.Mode_MODE_ENFORCE || e.Control == "" || e.Rule == "" ||
			e.Policy != "test" || e.Technique == "" || e.Reason == "" || e.Process == nil || len(e.Ancestors) != 0 && e.Ancestors[0].Pid == 0 ||
			e.Errno == 0 || e.BundleEpoch != 1 || e.BundleNumber != 2 || e.Object == nil || e.Id == "" || e.ObservedAtNs == 0 {
			t.Errorf("incomplete event: %v", e)
		}
	}
	l, k = newLoop(t, Config{}, mode(denyAll, "audit"))
	if d := cmp.Diff(map[string]intercept.Answer{"exec": {}, "good": {}, "tcp": {}, "udp": {}, "ns": {}, "fork": {}}, ask(l)); d != "" {
		t.Error(d)
	}
	got := k.take()
	if len(got) != 5 {
		t.Errorf("%d events in audit mode, want 5", len(got))
	}
	for _, e := range got {
		if e.Verdict != eventpb.Verdict_VERDICT_AUDIT || e.Errno != 0 {
			t.Errorf("%v", e)
		}
	}
}

// Who was gone before he could be looked at did nothing.
func TestTheGone(t *testing.T) {
	for _, m := range []string{"enforce", "audit"} {
		l, k := newLoop(t, Config{}, mode(denyAll, m))
		p := proc()
		p.Exe, p.Gone = "", true
		want := intercept.Answer{Errno: syscall.EINTR}
		if a := l.Privilege(&action.Privilege{Proc: p, Kind: action.PrivNamespace}); a != want {
			t.Errorf("%s: %+v", m, a)
		}
		l.Flush()
		if got := k.take(); len(got) != 0 || l.Violations() != 0 {
			t.Errorf("%s: %d violations: %v", m, l.Violations(), got)
		}
	}
}

func TestArgumentsAreRedacted(t *testing.T) {
	l, k := newLoop(t, Config{}, mode(denyAll, "enforce"))
	l.Exec(exec("/bad"))
	for _, a := range k.take()[0].Process.Args {
		if a == "--password=hunter2" {
			t.Error("a password left the enforcer")
		}
	}
}

// An exec that is only reported is asked about twice and reported once; when
// the second look finds something else, that is reported too.
func TestExecIsReportedOnce(t *testing.T) {
	l, k := newLoop(t, Config{}, mode(denyAll, "audit"))
	l.Exec(exec("/bad"))
	l.ExecStarted(exec("/bad"))
	if got := k.take(); len(got) != 1 {
		t.Errorf("%d events, want 1", len(got))
	}
	l.Exec(exec("/good"))
	l.ExecStarted(exec("/bad"))
	l.Flush()
	if got := k.take(); total(got) != 1 {
		t.Errorf("%d occurrences, want 1", total(got))
	}
	l, _ = newLoop(t, Config{}, mode(denyAll, "enforce"))
	if a := l.ExecStarted(exec("/bad")); !a.Kill {
		t.Error("what was swapped between the looks must be killed")
	}
}

func TestPanicIsNo(t *testing.T) {
	l, k := newLoop(t, Config{}, mode(denyAll, "enforce"))
	l.SetEngine(Policies{Engine: (*verdict.Engine)(nil)})
	want := intercept.Answer{Errno: syscall.EACCES}
	if a := l.Exec(exec("/good")); a != want {
		t.Errorf("answer %+v", a)
	}
	if a := l.Connect(&action.Connect{Proc: proc()}); a.Errno == 0 {
		t.Error("a panicking verdict let a connection through")
	}
	got := k.take()
	if len(got) != 2 || got[0].Kind != eventpb.Kind_KIND_STATUS || got[0].Attributes["panic"] == "" {
		t.Errorf("%v", got)
	}
}

func TestStopResponse(t *testing.T) {
	stops := 0
	l, _ := newLoop(t, Config{Stop: func(string) { stops++ }}, "    deniedExecutables: {mode: enforce, response: stopContainer, paths: [/bad]}\n")
	for range 3 {
		if a := l.Exec(exec("/bad")); !a.Kill {
			t.Errorf("%+v", a)
		}
	}
	if stops != 1 {
		t.Errorf("stopped %d times", stops)
	}
}

// Equal events are counted, different ones are not, and the counts add up.
func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, k := newLoop(t, Config{}, mode(denyAll, "enforce"))
		start := time.Now()
		for i := range 50_000 {
			l.Connect(&action.Connect{Proc: proc(), Protocol: action.ProtoTCP, Peer: netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), uint16(i%100))})
		}
		t.Logf("virtual time %v", time.Since(start))
		l.Flush()
		got := k.take()
		if total(got) != 50_000 || l.Violations() != 50_000 || len(got) != 200 {
			t.Errorf("%d events stand for %d of %d", len(got), total(got), l.Violations())
		}
	})
}

func TestAllowCostsNothing(t *testing.T) {
	l, _ := newLoop(t, Config{}, mode(denyAll, "enforce"))
	c := &action.Connect{Proc: proc(), Protocol: action.ProtoTCP, Peer: netip.MustParseAddrPort("192.0.2.1:80")}
	e := exec("/good")
	f := &action.Fork{Proc: proc(), Tasks: 2}
	if n := testing.AllocsPerRun(100, func() { l.Connect(c); l.Exec(e); l.Fork(f) }); n != 0 {
		t.Errorf("%v allocations to allow", n)
	}
}

func BenchmarkAllowConnect(b *testing.B) {
	l, _ := newLoop(b, Config{}, mode(denyAll, "enforce"))
	c := &action.Connect{Proc: proc(), Protocol: action.ProtoTCP, Peer: netip.MustParseAddrPort("192.0.2.1:80")}
	for b.Loop() {
		l.Connect(c)
	}
}

func BenchmarkDeniedAgain(b *testing.B) {
	l, _ := newLoop(b, Config{}, mode(denyAll, "enforce"))
	c := &action.Connect{Proc: proc(), Protocol: action.ProtoTCP, Peer: netip.MustParseAddrPort("10.2.0.1:80")}
	b.ReportAllocs()
	for b.Loop() {
		l.Connect(c)
	}
}
