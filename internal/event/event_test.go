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
			"/bin/dash ran a program that exists in memory only, or whose file was deleted (fileless execution)."},
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
		{"no clear words for the proxy", &eventpb.Event{Control: "outbound", Rule: "proxies", Process: proc,
			Object: &eventpb.Event_Network{Network: &eventpb.NetworkObject{Protocol: "tcp", Address: "192.0.2.3", Port: 88}}},
			"/bin/dash spoke to the proxy 192.0.2.3:88 over tcp in words that nobody can read for certain, so where it was asked to go cannot be judged."},
		{"by a proxy", &eventpb.Event{Control: "outbound", Rule: "deny[0]", Process: proc,
			Object: &eventpb.Event_Network{Network: &eventpb.NetworkObject{Protocol: "tcp", Address: "evil.test", Port: 443}}, Attributes: map[string]string{"proxy": "192.0.2.3:88"}},
			"/bin/dash tried to connect to evil.test:443 over tcp by way of the proxy 192.0.2.3:88, which rule deny[0] denies."},
		{"an address with names", &eventpb.Event{Control: "outbound", Rule: "not-listed", Process: proc,
			Object: &eventpb.Event_Network{Network: &eventpb.NetworkObject{Protocol: "tcp", Address: "192.0.2.3", Port: 88}}, Attributes: map[string]string{"names": "evil.test"}},
			"/bin/dash tried to connect to 192.0.2.3:88 over tcp (evil.test), which no allow rule covers."},
		{"a socket behind a link", &eventpb.Event{Control: "outbound", Rule: "deny[0]", Process: proc,
			Object: &eventpb.Event_Network{Network: &eventpb.NetworkObject{Protocol: "unix", Address: "/tmp/link"}}, Attributes: map[string]string{"leads_to": "/run/docker.sock"}},
			"/bin/dash tried to connect to the socket /tmp/link, which leads to /run/docker.sock, which rule deny[0] denies."},
		{"a script that is run", &eventpb.Event{Control: "interpreters", Rule: "script", Process: proc, Attributes: map[string]string{"named": "script /tmp/x (argument, drifted)"},
			Object: &eventpb.Event_File{File: &eventpb.FileObject{Path: "/tmp/x", Interpreter: "/bin/sh"}}},
			"/bin/dash ran a script that was not part of the image, through the interpreter /bin/sh: script /tmp/x (argument, drifted)."},
		{"a script that is given", &eventpb.Event{Control: "interpreters", Rule: "script", Process: proc, Attributes: map[string]string{"named": "script /tmp/x (argument, drifted)"},
			Object: &eventpb.Event_File{File: &eventpb.FileObject{Path: "/bin/sh"}}},
			"/bin/dash gave the interpreter /bin/sh a script that was not part of the image: script /tmp/x (argument, drifted)."},
		{"family", &eventpb.Event{Control: "socketFamilies", Rule: "deny[0]", Process: proc, Object: &eventpb.Event_Network{Network: &eventpb.NetworkObject{Domain: 38, Type: 5}}},
			"/bin/dash asked for a socket that the policy does not allow (family alg, type 5, protocol 0)."},
		{"own memory", &eventpb.Event{Control: "injection", Process: &eventpb.Process{Exe: "/bin/dash", Pid: 7}, Object: &eventpb.Event_Call{Call: &eventpb.CallObject{Syscall: "openat", Detail: "/proc/7/mem for writing"}}},
			"/bin/dash opened its own memory with openat (/proc/7/mem for writing), past what protects its pages."},
		{"another's memory", &eventpb.Event{Control: "injection", Process: &eventpb.Process{Exe: "/bin/dash", Pid: 7}, Object: &eventpb.Event_Call{Call: &eventpb.CallObject{Syscall: "openat", Detail: "/proc/77/mem for writing"}}},
			"/bin/dash tried to look into or change another process with openat (/proc/77/mem for writing)."},
		{"honeypot's port", &eventpb.Event{Control: "honeypots", Process: proc, Object: &eventpb.Event_Network{Network: &eventpb.NetworkObject{Protocol: "tcp", Address: "127.0.0.1", Port: 7004, Direction: "outbound"}}},
			"/bin/dash tried to connect to port 7004 of its own host (127.0.0.1), a honeypot's that nobody has a reason to touch."},
		{"capabilities kept", &eventpb.Event{Control: "capabilities", Verdict: eventpb.Verdict_VERDICT_AUDIT, Object: &eventpb.Event_Call{Call: &eventpb.CallObject{Detail: "MKNOD"}}},
			"The workload has capabilities that the policy would take away: MKNOD."},
		{"capabilities taken", &eventpb.Event{Control: "capabilities", Verdict: eventpb.Verdict_VERDICT_DENY, Object: &eventpb.Event_Call{Call: &eventpb.CallObject{Detail: "MKNOD"}}},
			"The policy took capabilities from the workload when it started: MKNOD."},
		{"a change that was refused", &eventpb.Event{Control: "fileIntegrity", Rule: "paths[0]", Verdict: eventpb.Verdict_VERDICT_DENY, Process: proc, Object: &eventpb.Event_File{File: &eventpb.FileObject{Path: "/etc/x", Operation: "modify+create"}}},
			"/bin/dash tried to write and create /etc/x, which is watched and may not be changed so (paths[0])."},
		{"a fork that was refused", &eventpb.Event{Control: "processLimit", Rule: "maxTasks", Process: proc, Errno: 11, Object: &eventpb.Event_Call{Call: &eventpb.CallObject{Syscall: "clone", Detail: "new process, 91 tasks"}}},
			"/bin/dash would have taken the workload above its limit of processes and threads (new process, 91 tasks)."},
		{"a bomb that was seen", &eventpb.Event{Control: "processLimit", Rule: "maxTasks", Process: proc, Killed: true, Object: &eventpb.Event_Call{Call: &eventpb.CallObject{Syscall: "clone", Detail: "130 tasks"}}},
			"/bin/dash took the workload above its limit of processes and threads (130 tasks)."},
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
