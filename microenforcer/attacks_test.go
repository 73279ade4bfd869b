//go:build kernel || docker

package microenforcer_test

import (
	"os"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

// attackCase is one attack, in the words of testdata/attack, and what must
// come of it. It runs directly (kernel) and in containers (docker).
type attackCase struct {
	name     string
	controls string   // MODE is replaced
	attack   []string // run through "child", so that there is an ancestor; ATTACK is the program
	control  string   // that must report it
	rule     string   // "" any
	worked   string   // what the attack prints when it succeeds
	denied   string   // what it prints when it is denied
	masked   bool     // Docker's own profile refuses it first: it fails, and nothing sees it
}

var attackCases = []attackCase{
	{"denied program", "    deniedExecutables: {mode: MODE, paths: [/tmp/other]}\n", []string{"child", "/tmp/other", "echo", "other-ran"}, "deniedExecutables", "paths[0]", "other-ran", "errno 13", false},
	{"drift", "    drift: {mode: MODE}\n", []string{"drop", "/tmp/dropped"}, "drift", "", "drop-ran", "errno 13", false},
	{"fileless", "    fileless: {mode: MODE}\n", []string{"memfd"}, "fileless", "", "memfd-ran", "errno 13", false},
	{"package manager", "    packageManagers: {mode: MODE}\n", []string{"child", "/tmp/apt-get", "echo", "apt-ran"}, "packageManagers", "", "apt-ran", "errno 13", false},
	{"reverse shell", "    reverseShell: {mode: MODE}\n", []string{"shell", "PEER", "/tmp/sh", "echo", "shell-ran"}, "reverseShell", "", "received shell-ran", "errno 13", false},
	{"outbound tcp", "    outbound: {mode: MODE, deny: [{cidrs: [PEERIP/32], ports: [PEERPORT], protocols: [tcp]}]}\n", []string{"tcp", "PEER"}, "outbound", "deny[0]", "got hello", "errno 111", false},
	{"outbound udp connect", "    outbound: {mode: MODE, deny: [{cidrs: [PEERIP/32], protocols: [udp]}]}\n", []string{"udp", "PEER"}, "outbound", "deny[0]", "worked udp", "errno 1 ", false},
	{"outbound udp sendto", "    outbound: {mode: MODE, deny: [{cidrs: [PEERIP/32], protocols: [udp]}]}\n", []string{"sendto", "PEER"}, "outbound", "deny[0]", "worked sendto", "errno 1 ", false},
	{"metadata", "    metadataEndpoints: {mode: MODE}\n", []string{"tcp", "169.254.169.254:80"}, "metadataEndpoints", "", "got hello", "errno 111", false},
	{"unix socket by a link", "    outbound: {mode: MODE, deny: [{unixSockets: [/tmp/real.sock]}]}\n", []string{"unix", "/tmp/link.sock"}, "outbound", "deny[0]", "worked unix", "errno 1 ", false},
	{"unix socket from its folder", "    outbound: {mode: MODE, deny: [{unixSockets: [/tmp/real.sock]}]}\n", []string{"unix", "real.sock"}, "outbound", "deny[0]", "worked unix", "errno 1 ", false},
	{"bind", "    bind: {mode: MODE, deniedPorts: [4444]}\n", []string{"listen", "0.0.0.0:4444"}, "bind", "deniedPorts[0]", "worked listen", "errno 13", false},
	{"bind udp", "    bind: {mode: MODE, allowedPorts: [5000-6000]}\n", []string{"udpbind", "0.0.0.0:4444"}, "bind", "not-listed", "worked udpbind", "errno 13", false},
	{"listen on any port", "    bind: {mode: MODE, allowedPorts: [80]}\n", []string{"listen", "0.0.0.0:0"}, "bind", "not-listed", "worked listen", "errno 13", false},
	{"listen without bind", "    bind: {mode: MODE, allowedPorts: [80]}\n", []string{"listen", ""}, "bind", "not-listed", "worked listen", "errno 13", false},
	{"bind any address", "    bind: {mode: MODE, addresses: [127.0.0.0/8]}\n", []string{"listen", "0.0.0.0:4444"}, "bind", "addresses", "worked listen", "errno 13", false},
	{"low port", "    lowPorts: {mode: MODE}\n", []string{"listen", "127.0.0.1:81"}, "lowPorts", "below", "worked listen", "errno 13", false},
	{"inbound", "    inbound: {mode: MODE, deny: [{cidrs: [127.0.0.0/8], ports: [7001]}]}\n", []string{"inbound", "127.0.0.1:7001"}, "inbound", "deny[0]", "got served", "errno 104", false},
	{"bind shell", "    bindShell: {mode: MODE}\n", []string{"bindshell", "127.0.0.1:7002", "/tmp/sh", "echo", "shell-ran"}, "bindShell", "", "received shell-ran", "errno 13", false},
	{"port scan", "    portScan: {mode: MODE}\n", []string{"scan", "PEERIP", "30"}, "portScan", "maxPorts", "got hello", "errno 111", false},
	{"port scan by many", "    portScan: {mode: MODE, maxPorts: 5}\n", []string{"scans", "PEERIP", "8"}, "portScan", "maxPorts", "got hello", "errno 111", false},
	{"bad address", "    ipReputation: {mode: MODE, addresses: [PEERIP]}\n", []string{"tcp", "PEER"}, "ipReputation", "addresses", "got hello", "errno 111", false},
	{"raw socket", "    socketFamilies: {mode: MODE, deny: [packet]}\n", []string{"raw"}, "socketFamilies", "", "worked raw", "errno 97", false},
	{"namespace", "    namespaces: {mode: MODE}\n", []string{"unshare"}, "namespaces", "", "", "errno 1 ", true},
	{"mount", "    mounts: {mode: MODE}\n", []string{"mount"}, "mounts", "", "", "errno 1 ", true},
	{"bpf", "    kernelInterfaces: {mode: MODE}\n", []string{"bpf"}, "kernelInterfaces", "", "", "errno 1 ", true},
	{"ptrace", "    injection: {mode: MODE}\n", []string{"ptrace"}, "injection", "", "", "errno 1 ", false},
	{"setuid", "    privilegeChange: {mode: MODE, changes: any}\n", []string{"setuid", "1001"}, "privilegeChange", "", "worked setuid", "errno 1 ", false},
	{"listed call", "    syscalls: {mode: MODE, deny: [getppid, sync]}\n", []string{"getppid"}, "syscalls", "deny[0]", "worked getppid", "errno 1 ", false},
	{"denied user", "    users: {mode: MODE, deny: [1001]}\n", []string{"setuid", "1001"}, "users", "deny[0]", "worked setuid", "errno 1 ", false},
	{"inline code", "    interpreters: {mode: MODE, deny: [inlineCode, script]}\n", []string{"child", "/tmp/sh", "-c", "x"}, "interpreters", "inlineCode", "unknown attack", "errno 13", false},
	{"script", "    interpreters: {mode: MODE, deny: [inlineCode, script]}\n", []string{"child", "/tmp/sh", "/etc/hosts"}, "interpreters", "script", "unknown attack", "errno 13", false},
	{"fork limit", "    processLimit: {mode: MODE, maxTasks: 90}\n", []string{"fork", "60"}, "processLimit", "", "forked 60", "errno 11", false},
}

// names under which the attacker lies in /tmp.
var attackNames = []string{"attack", "other", "apt-get", "sh"}

// at is the case with its peer's address and its mode filled in.
func (tt attackCase) at(peer, mode string) attackCase {
	put := strings.NewReplacer("MODE", mode, "PEERIP", peer, "PEERPORT", "80", "PEER", peer+":80")
	tt.controls = put.Replace(tt.controls)
	attack := make([]string, len(tt.attack))
	for i, a := range tt.attack {
		attack[i] = put.Replace(a)
	}
	tt.attack = attack
	return tt
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
}

// attackOnce runs one attack below a parent, and holds what happened and what
// was reported to the case.
func attackOnce(t *testing.T, tt attackCase, mode string, run func(flags []string, command ...string) result) {
	t.Helper()
	command := []string{"/tmp/attack", "child", "/tmp/attack"}
	command = append(command, tt.attack...)
	r := run(nil, command...)
	events := r.of(tt.control)
	if len(events) == 0 {
		t.Errorf("%s: no event of %s\n%s", mode, tt.control, r.brief())
		return
	}
	want := eventpb.Verdict_VERDICT_AUDIT
	if mode == "enforce" {
		want = eventpb.Verdict_VERDICT_DENY
		if !r.has(tt.denied) || tt.worked != "" && r.has(tt.worked) {
			t.Errorf("enforce: want %q and not %q\n%s", tt.denied, tt.worked, r.brief())
		}
	} else if tt.worked != "" && !r.has(tt.worked) {
		t.Errorf("audit: want %q\n%s", tt.worked, r.brief())
	}
	for _, e := range events {
		checkEvent(t, e, want)
		if tt.rule != "" && e.Rule != tt.rule {
			t.Errorf("rule %q, want %q", e.Rule, tt.rule)
		}
		// The limit may be reached by a thread of the workload's first process,
		// which has no ancestors.
		if len(e.Ancestors) == 0 && tt.control != "processLimit" {
			t.Errorf("%s: no ancestors\n%s", mode, r.brief())
		}
	}
}

// corpus is one policy with the controls of all cases, and one command that
// makes all attacks, one after the other, in the order of cases.
func corpus(peer, mode string) (cases []attackCase, controls string, command []string) {
	var mounts, forks []attackCase
	for _, tt := range attackCases {
		switch tt.control {
		case "mounts": // where it works it hides the others' files
			mounts = append(mounts, tt)
		case "processLimit": // its processes stay a while
			forks = append(forks, tt)
		default:
			cases = append(cases, tt)
		}
	}
	all := append(append(cases, mounts...), forks...)
	cases = nil
	command = []string{"/tmp/attack", "each"}
	for _, tt := range all {
		at := tt.at(peer, mode)
		key, _, _ := strings.Cut(at.controls, ":")
		// The rule of the tcp case, without its protocol, holds for udp too.
		switch {
		case strings.HasPrefix(tt.name, "outbound udp"), strings.Contains(controls, at.controls):
		case strings.Contains("\n"+controls, "\n"+key+":"):
			continue // one policy says a thing once: this one is tried by itself only
		default:
			controls += strings.Replace(at.controls, ", ports: [80], protocols: [tcp]", "", 1)
		}
		cases = append(cases, tt)
		command = append(append(command, at.attack...), ";")
	}
	return cases, controls, command
}
