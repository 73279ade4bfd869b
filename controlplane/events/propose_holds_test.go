package events

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
	"github.com/limpet-security/limpet/internal/workload"
)

// "Allow this" allows it: for each kind of event the proposed exception makes
// the engine let the same action pass, and no neighbour of it.
func TestProposalHolds(t *testing.T) {
	tool := &action.Process{PID: 9, UID: 1000, Exe: "/usr/bin/tool"}
	other := &action.Process{PID: 10, UID: 1000, Exe: "/usr/bin/other"}
	who := &Process{PID: 9, UID: 1000, Exe: "/usr/bin/tool"}
	addr := netip.MustParseAddrPort
	digest := workload.Digest{1, 2, 3}
	file := func(p *action.Process, path string, a action.FileAccess) *action.FileOp {
		return &action.FileOp{Proc: p, Syscall: "openat", Access: a, Path: path, FD: -1}
	}
	for _, c := range []struct {
		name, control, fields string
		object                *Object
		kind, rule            string
		this, neighbour       func(e *verdict.Engine) verdict.Decision
	}{
		{"exec", "deniedExecutables", "paths: [/bin/**]", &Object{Type: "file", Path: "/bin/nc", Digest: digest.String()}, "exec", "",
			func(e *verdict.Engine) verdict.Decision {
				return e.Exec(&action.Exec{Proc: other, Path: "/bin/nc", Digest: digest})
			},
			func(e *verdict.Engine) verdict.Decision {
				return e.Exec(&action.Exec{Proc: tool, Path: "/bin/nc2", Digest: digest})
			}},
		{"session", "execSessions", "response: deny", &Object{Type: "file", Path: "/bin/bash"}, "exec", "",
			func(e *verdict.Engine) verdict.Decision {
				return e.Session(&action.Session{First: true, Exec: action.Exec{Proc: tool, Path: "/bin/bash"}})
			},
			func(e *verdict.Engine) verdict.Decision {
				return e.Session(&action.Session{First: true, Exec: action.Exec{Proc: tool, Path: "/bin/sh"}})
			}},
		{"read", "fileRead", "paths: [/secret/**]", &Object{Type: "file", Path: "/secret/a", Operation: "read"}, "file", "",
			func(e *verdict.Engine) verdict.Decision { return e.File(file(tool, "/secret/a", action.FileRead)) },
			func(e *verdict.Engine) verdict.Decision { return e.File(file(other, "/secret/a", action.FileRead)) }},
		{"write", "readOnlyFiles", "paths: [/fixed/**]", &Object{Type: "file", Path: "/fixed/a", Operation: "modify"}, "file", "",
			func(e *verdict.Engine) verdict.Decision { return e.File(file(tool, "/fixed/a", action.FileModify)) },
			func(e *verdict.Engine) verdict.Decision { return e.File(file(tool, "/fixed/b", action.FileModify)) }},
		{"volume", "volumes", "paths: [/var/run/docker.sock, /srv/host]", &Object{Type: "file", Path: "/data", OtherPath: "/srv/host", Operation: "mount"}, "file", "",
			func(e *verdict.Engine) verdict.Decision {
				return e.Volume(&verdict.Volume{Point: "/data", Root: "/srv/host"})
			},
			func(e *verdict.Engine) verdict.Decision {
				return e.Volume(&verdict.Volume{Point: "/var/run/docker.sock", Root: "/x"})
			}},
		{"outbound", "outbound", "deny: [{cidrs: [192.0.2.0/24]}]", &Object{Type: "network", Protocol: "tcp", Address: "192.0.2.7", Port: 443, Direction: "outbound"}, "network", "",
			func(e *verdict.Engine) verdict.Decision {
				return e.Connect(&action.Connect{Proc: tool, Protocol: action.ProtoTCP, Peer: addr("192.0.2.7:443")})
			},
			func(e *verdict.Engine) verdict.Decision {
				return e.Connect(&action.Connect{Proc: tool, Protocol: action.ProtoTCP, Peer: addr("192.0.2.7:80")})
			}},
		{"inbound", "inbound", "deny: [{cidrs: [192.0.2.0/24]}]", &Object{Type: "network", Protocol: "tcp", Address: "192.0.2.7", Port: 51123, LocalAddress: "10.0.0.1", LocalPort: 8443, Direction: "inbound"}, "network", "",
			func(e *verdict.Engine) verdict.Decision {
				return e.Accept(&action.Accept{Proc: tool, Protocol: action.ProtoTCP, Peer: addr("192.0.2.7:60000"), Local: addr("10.0.0.1:8443")})
			},
			func(e *verdict.Engine) verdict.Decision {
				return e.Accept(&action.Accept{Proc: tool, Protocol: action.ProtoTCP, Peer: addr("192.0.2.8:60000"), Local: addr("10.0.0.1:8443")})
			}},
		{"bind", "bind", "deniedPorts: [4444, 5555]", &Object{Type: "network", Protocol: "tcp", LocalAddress: "0.0.0.0", LocalPort: 4444, Direction: "inbound"}, "network", "",
			func(e *verdict.Engine) verdict.Decision {
				return e.Bind(&action.Bind{Proc: tool, Protocol: action.ProtoTCP, Local: addr("0.0.0.0:4444")})
			},
			func(e *verdict.Engine) verdict.Decision {
				return e.Bind(&action.Bind{Proc: tool, Protocol: action.ProtoTCP, Local: addr("0.0.0.0:5555")})
			}},
		{"name", "dns", "deny: [example.com, example.net]", &Object{Type: "dns", Name: "example.com", Server: "10.0.0.2:53"}, "network", "",
			func(e *verdict.Engine) verdict.Decision {
				return e.Query(&action.Query{Proc: tool, Name: "example.com", Server: addr("10.0.0.3:53")})
			},
			func(e *verdict.Engine) verdict.Decision {
				return e.Query(&action.Query{Proc: tool, Name: "example.net", Server: addr("10.0.0.3:53")})
			}},
		{"tunnel", "dns", "blockTunnels: true", &Object{Type: "dns", Name: "aaaa.t.example.com"}, "network", "tunnel",
			func(e *verdict.Engine) verdict.Decision {
				return e.Query(&action.Query{Proc: tool, Name: "bbbb.t.example.com", Tunnel: "many", Server: addr("10.0.0.3:53")})
			},
			func(e *verdict.Engine) verdict.Decision {
				return e.Query(&action.Query{Proc: tool, Name: "bbbb.u.example.com", Tunnel: "many", Server: addr("10.0.0.3:53")})
			}},
		{"socket", "socketFamilies", "deny: [alg]", &Object{Type: "network", Protocol: "other", Domain: 38}, "socket", "",
			func(e *verdict.Engine) verdict.Decision {
				return e.Socket(&action.Socket{Proc: tool, Domain: 38, Type: 5})
			},
			func(e *verdict.Engine) verdict.Decision {
				return e.Socket(&action.Socket{Proc: other, Domain: 38, Type: 5})
			}},
		{"fork", "processLimit", "maxTasks: 5", &Object{Type: "call", Syscall: "clone", Detail: "new process, 6 tasks"}, "process", "",
			func(e *verdict.Engine) verdict.Decision { return e.Fork(&action.Fork{Proc: tool, Tasks: 6}) },
			func(e *verdict.Engine) verdict.Decision { return e.Fork(&action.Fork{Proc: other, Tasks: 6}) }},
		{"call", "namespaces", "response: deny", &Object{Type: "call", Syscall: "unshare", Detail: "CLONE_NEWUSER"}, "privilege", "",
			func(e *verdict.Engine) verdict.Decision {
				return e.Privilege(&action.Privilege{Proc: tool, Kind: action.PrivNamespace, Syscall: "unshare", Detail: "CLONE_NEWUSER", ToUID: -1, ToGID: -1})
			},
			func(e *verdict.Engine) verdict.Decision {
				return e.Privilege(&action.Privilege{Proc: tool, Kind: action.PrivNamespace, Syscall: "setns", Detail: "CLONE_NEWUSER", ToUID: -1, ToGID: -1})
			}},
		{"listed call", "syscalls", "deny: [acct, quotactl]", &Object{Type: "call", Syscall: "acct"}, "privilege", "",
			func(e *verdict.Engine) verdict.Decision { return e.Call(&action.Call{Proc: tool, Name: "acct"}) },
			func(e *verdict.Engine) verdict.Decision { return e.Call(&action.Call{Proc: tool, Name: "quotactl"}) }},
		{"memory", "anonymousExecutable", "response: deny", &Object{Type: "call", Syscall: "mprotect", Detail: "anonymous memory, executable"}, "privilege", "",
			func(e *verdict.Engine) verdict.Decision {
				return e.Map(&action.Map{Proc: tool, Kind: action.MapAnonymous, Syscall: "mprotect"})
			},
			func(e *verdict.Engine) verdict.Decision {
				return e.Map(&action.Map{Proc: other, Kind: action.MapAnonymous, Syscall: "mprotect"})
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := "apiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata: {name: p}\nspec:\n  controls:\n    " + c.control + ": {mode: enforce, " + c.fields + "}\n"
			if d := c.this(compile(t, text)); d.Verdict != verdict.Deny || string(d.Control) != c.control {
				t.Fatalf("the policy does not deny it: %+v", d)
			}
			p, err := Propose(View{ID: "1", Policy: "p", Control: c.control, Kind: c.kind, Rule: c.rule, Process: who, Object: c.object}, text)
			if err != nil {
				t.Fatal(err)
			}
			e := compile(t, p.YAML)
			if d := c.this(e); d.Verdict != verdict.Allow {
				t.Errorf("still %v under\n%s", d.Verdict, p.YAML)
			}
			if d := c.neighbour(e); d.Verdict != verdict.Deny {
				t.Errorf("a neighbour is %v under\n%s", d.Verdict, p.YAML)
			}
		})
	}
}

func compile(t *testing.T, text string) *verdict.Engine {
	t.Helper()
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	e, err := verdict.Compile([]*policy.RuntimePolicy{p}, verdict.Workload{GroupMode: policy.Enforce})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestNothingIsProposedForWhatHasNoException(t *testing.T) {
	for _, control := range []string{"selfProtection", "capabilities"} {
		_, err := Propose(View{ID: "1", Policy: "default", Control: control, Process: &Process{Exe: "/bin/sh"}, Object: &Object{Type: "call", Syscall: "execve"}}, string(policy.DefaultYAML()))
		if err == nil || !strings.Contains(err.Error(), "no exception") {
			t.Errorf("%s: %v", control, err)
		}
	}
}
