package event

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/policy"
)

func TestNewIDSorts(t *testing.T) {
	last := ""
	for range 1000 {
		id := NewID()
		if len(id) != 36 || id[14] != '7' {
			t.Fatalf("%q is not a UUIDv7", id)
		}
		if id <= last {
			t.Fatalf("%q does not sort after %q", id, last)
		}
		last = id
	}
}

func TestReason(t *testing.T) {
	proc := &eventpb.Process{Exe: "/bin/dash"}
	file := &eventpb.Event_File{File: &eventpb.FileObject{Path: "/tmp/x"}}
	tests := []struct {
		name string
		e    *eventpb.Event
		want string
	}{
		{"drift", &eventpb.Event{Control: "drift", Rule: "drifted", Process: proc, Object: file},
			"/tmp/x was not part of the image (drift)."},
		{"modified", &eventpb.Event{Control: "drift", Rule: "modified", Process: proc, Object: file},
			"/tmp/x was changed since the image was built (drift)."},
		{"memfd", &eventpb.Event{Control: "fileless", Rule: "memory", Process: proc},
			"/bin/dash ran a program that exists in memory only (fileless execution)."},
		{"metadata", &eventpb.Event{Control: "metadataEndpoints", Rule: "instance", Process: proc,
			Object: &eventpb.Event_Network{Network: &eventpb.NetworkObject{Protocol: "tcp", Address: "169.254.169.254", Port: 80}}},
			"/bin/dash tried to reach 169.254.169.254:80 over tcp, where a cloud hands out credentials (instance)."},
		{"outbound v6", &eventpb.Event{Control: "outbound", Rule: "not-listed", Process: proc,
			Object: &eventpb.Event_Network{Network: &eventpb.NetworkObject{Protocol: "udp", Address: "2001:db8::1", Port: 53}}},
			"/bin/dash tried to connect to [2001:db8::1]:53 over udp, which no allow rule covers."},
		{"shell", &eventpb.Event{Control: "reverseShell", Rule: "stdin+stdout", Process: proc,
			Object: &eventpb.Event_File{File: &eventpb.FileObject{Path: "/bin/sh"}}, Attributes: map[string]string{"peer": "192.0.2.1:4444"}},
			"/bin/sh was started with a network connection as its stdin, stdout (peer 192.0.2.1:4444), as a reverse shell is."},
		{"namespace", &eventpb.Event{Control: "namespaces", Rule: "user", Process: proc,
			Object: &eventpb.Event_Call{Call: &eventpb.CallObject{Syscall: "unshare", Detail: "CLONE_NEWUSER"}}},
			"/bin/dash asked for a namespace with unshare (CLONE_NEWUSER), a way out of a container."},
		{"nothing known", &eventpb.Event{}, "a process was recorded."},
		{"new control", &eventpb.Event{Control: "laterControl", Rule: "r"}, `a process violated rule r of control "laterControl".`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Reason(tt.e); got != tt.want {
				t.Errorf("Reason:\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestEveryControlHasASentence holds that Reason ends every sentence and
// never leaves an empty word.
func TestEveryControlHasASentence(t *testing.T) {
	for _, c := range policy.Registry() {
		r := Reason(&eventpb.Event{Control: string(c.ID)})
		if !strings.HasSuffix(r, ".") || strings.Contains(r, "  ") || strings.Contains(r, "()") {
			t.Errorf("%s: %q", c.ID, r)
		}
		if c.Technique == "" || Technique(c.ID) != c.Technique {
			t.Errorf("%s: technique %q", c.ID, c.Technique)
		}
	}
}

func TestBoundHoldsHostileEvent(t *testing.T) {
	long := strings.Repeat("\xff\u20ac", 20000)
	many := make([]string, 5000)
	for i := range many {
		many[i] = long
	}
	p := func() *eventpb.Process {
		return &eventpb.Process{Exe: long, Comm: long, Args: append([]string(nil), many...), User: long}
	}
	e := &eventpb.Event{Id: long, Rule: long, Policy: long, Control: long, Reason: long, Process: p(),
		Object:     &eventpb.Event_File{File: &eventpb.FileObject{Path: long, Requested: long, Interpreter: long}},
		Workload:   &eventpb.Workload{Image: long, Labels: map[string]string{long: long}},
		Attributes: map[string]string{"a": long}}
	for range 100 {
		e.Ancestors = append(e.Ancestors, p())
	}
	Bound(e)
	data, err := proto.Marshal(e) // fails on invalid UTF-8
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > MaxEncoded {
		t.Errorf("%d bytes", len(data))
	}
	line, err := JSON(e)
	if err != nil || !json.Valid(line) || strings.Contains(string(line), "\n") {
		t.Errorf("JSON: %v", err)
	}
}

// TestBoundLeavesSharedArguments holds that what several events share is not
// written to.
func TestBoundLeavesSharedArguments(t *testing.T) {
	shared := []string{"ok", "bad\xff", strings.Repeat("a", 2*MaxArg)}
	e := &eventpb.Event{Process: &eventpb.Process{Args: shared}}
	Bound(e)
	if shared[1] != "bad\xff" || len(shared[2]) != 2*MaxArg || e.Process.Args[1] != "bad\uFFFD" || !e.Process.ArgsTruncated {
		t.Errorf("%q", shared[:2])
	}
}

func TestText(t *testing.T) {
	for _, s := range []string{"", "abc", "\xff\xff\xff\xff", strings.Repeat("\u20ac", 10), "ab\xe2\x82"} {
		for max := 3; max < 12; max++ {
			if got := Text(s, max); len(got) > max || !utf8.ValidString(got) {
				t.Errorf("Text(%q, %d) = %q", s, max, got)
			}
		}
	}
}

func BenchmarkRedactHostile(b *testing.B) {
	args := make([]string, 16)
	for i := range args {
		args[i] = strings.Repeat("pw=x bearer y ://a:b@ ", 200)
	}
	for b.Loop() {
		Redact(args)
	}
}
