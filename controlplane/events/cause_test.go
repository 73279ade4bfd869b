package events

import (
	"testing"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

func TestCause(t *testing.T) {
	exec := func(path, rule string, pid int32) *eventpb.Event {
		return &eventpb.Event{Kind: eventpb.Kind_KIND_EXEC, Verdict: eventpb.Verdict_VERDICT_DENY, Control: "drift", Rule: rule, Policy: "p",
			Process: &eventpb.Process{Pid: pid, Exe: "/bin/sh"}, Object: &eventpb.Event_File{File: &eventpb.FileObject{Path: path}}}
	}
	connect := func(addr string, port uint32) *eventpb.Event {
		return &eventpb.Event{Kind: eventpb.Kind_KIND_NETWORK, Verdict: eventpb.Verdict_VERDICT_AUDIT, Control: "outbound", Rule: "deny[0]", Policy: "p",
			Process: &eventpb.Process{Exe: "/bin/app"}, Object: &eventpb.Event_Network{Network: &eventpb.NetworkObject{Protocol: "tcp", Address: addr, Port: port}}}
	}
	same := func(a, b *eventpb.Event, want bool) {
		t.Helper()
		x, y := Cause(a, "i", "sha256:1"), Cause(b, "i", "sha256:1")
		if (x.Item == y.Item) != want {
			t.Errorf("%+v and %+v: one cause is %v, want %v", x, y, !want, want)
		}
		if ParseFindingID(FindingID(x.Item)) != x.Item || x.Item <= 0 {
			t.Errorf("id of %d", x.Item)
		}
	}
	same(exec("/tmp/tmp.aB12cD34/x", "drifted", 1), exec("/tmp/tmp.Zz98yY76/x", "drifted", 2), true)
	same(exec("/tmp/x", "drifted", 1), exec("/tmp/y", "drifted", 1), false)
	same(exec("/tmp/x", "drifted", 1), exec("/tmp/x", "moved", 1), false)
	same(connect("10.0.0.1", 443), connect("10.0.0.200", 443), true)
	same(connect("10.0.0.1", 443), connect("10.0.0.1", 444), false)
	same(connect("10.0.0.1", 443), connect("10.0.9.1", 443), false)
	if Cause(exec("/x", "r", 1), "i", "sha256:1").Item == Cause(exec("/x", "r", 1), "i", "sha256:2").Item {
		t.Error("two images are one cause")
	}
	e := exec("/x", "r", 1)
	e.Verdict = eventpb.Verdict_VERDICT_ALLOW
	if Cause(e, "i", "") != nil {
		t.Error("an event that broke no rule has a cause")
	}
	if domain("a.b.evil.example.com.") != "example.com" {
		t.Error(domain("a.b.evil.example.com."))
	}
}
