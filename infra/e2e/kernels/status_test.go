//go:build kernel

package kernels

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/microenforcer/status"
)

// Errnos as status tells them.
const (
	noCall   = "function not implemented"
	badValue = "invalid argument"
	noSuch   = "operation not supported"
	notYou   = "operation not permitted"
	noAccess = "permission denied"
)

// lacks is what each kernel does not give to anybody; all else it gives.
var lacks = map[string]map[string]string{
	"amd64-5.10": {
		"landlock_tcp": noCall, "landlock_signal_scope": noCall,
		"notify_addfd_send": badValue, "notify_sync_wake_up": badValue, "notify_wait_killable": badValue,
	},
	"amd64-6.1": {"landlock_tcp": noSuch, "landlock_signal_scope": noSuch, "notify_sync_wake_up": badValue},
	"arm64-6.1": {"landlock_tcp": noSuch, "landlock_signal_scope": noSuch, "notify_sync_wake_up": badValue, "shared_page": badValue},
}

// Who asks for status, and what nobody like him has.
var (
	asRoot    = asker{name: "root"}
	asCapless = asker{name: "root without SYS_PTRACE", as: "/t/attack without 19 ", lacks: map[string]string{"cap_sys_ptrace": notYou}}
	asUser    = asker{name: "uid 1000", as: "/t/attack drop-to 1000 ", lacks: map[string]string{"cap_sys_ptrace": notYou, "other_uid": notYou}}
)

type asker struct {
	name  string
	as    string
	lacks map[string]string
}

// governed are the controls of the attack corpus, all in enforce mode, and
// what they stand on.
const governed = `apiVersion: limpet.dev/v1
kind: RuntimePolicy
metadata: {name: all}
spec:
  controls:
    deniedExecutables: {mode: enforce, paths: [/tmp/other]}
    fileless: {mode: enforce}
    packageManagers: {mode: enforce}
    reverseShell: {mode: enforce}
    outbound: {mode: enforce, deny: [{cidrs: [10.0.0.0/8]}]}
    metadataEndpoints: {mode: audit}
    socketFamilies: {mode: enforce, deny: [packet]}
    namespaces: {mode: enforce}
    mounts: {mode: enforce}
    kernelInterfaces: {mode: enforce}
    injection: {mode: enforce}
    privilegeChange: {mode: audit, changes: any}
`

// Controls by what takes them away.
var (
	execControls    = []string{"deniedExecutables", "fileless", "packageManagers", "reverseShell"}
	networkControls = []string{"outbound", "metadataEndpoints"}
	scalarControls  = []string{"socketFamilies", "namespaces", "mounts", "kernelInterfaces", "injection", "privilegeChange"}
)

// question is one status, asked under a Yama scope.
type question struct {
	asker
	scope int
	rung  string
	extra map[string]string // facilities that this scope takes away
	// Controls that are then unavailable.
	exec, network bool
}

func (q question) step() step {
	// A probe that got no processor in time says so; it is asked again.
	command := fmt.Sprintf("echo %d >/proc/sys/kernel/yama/ptrace_scope || exit 99; for i in 1 2 3; do %s/t/microenforcer status --json --policy /t/all.yaml 2>/dev/null >/tmp/status"+
		" && ! grep -q '\"unknown\"' /tmp/status && break; done; cat /tmp/status", q.scope, q.as)
	return step{fmt.Sprintf("status of %s, Yama %d", q.name, q.scope), command}
}

var (
	closed    = map[string]string{"ptrace_seize": notYou, "proc_mem": noAccess, "process_vm_readv": notYou, "pidfd_getfd": notYou, "other_uid": noAccess, "seccomp_trace": notYou}
	questions = []question{
		{asker: asRoot, scope: 0, rung: "A2"},
		{asker: asCapless, scope: 0, rung: "A2"},
		{asker: asUser, scope: 0, rung: "A2"},
		{asker: asRoot, scope: 1, rung: "A2"},
		{asker: asCapless, scope: 1, rung: "A2"},
		{asker: asUser, scope: 1, rung: "A2"},
		// Attaching is for who has the capability.
		{asker: asRoot, scope: 2, rung: "A2"},
		{asker: asCapless, scope: 2, rung: "A3", extra: closed, exec: true, network: true},
		{asker: asUser, scope: 2, rung: "A3", extra: closed, exec: true, network: true},
		// Nobody attaches any more. The kernel never takes this back: it comes last.
		{asker: asRoot, scope: 3, rung: "A3", extra: closed, exec: true, network: true},
	}
)

// check holds one status to what this kernel gives.
func (q question) check(t *testing.T, m machine, o *outcome) {
	t.Helper()
	var r status.Report
	start, end := strings.IndexByte(o.out, '{'), strings.LastIndexByte(o.out, '}')
	if o.code != 0 || start < 0 || end < start {
		t.Errorf("exit %d: %s", o.code, o.out)
		return
	}
	if err := json.Unmarshal([]byte(o.out[start:end+1]), &r); err != nil {
		t.Errorf("%v: %s", err, o.out)
		return
	}
	want := maps.Clone(lacks[m.name])
	maps.Copy(want, q.extra)
	maps.Copy(want, q.lacks)
	if r.Rung != q.rung {
		t.Errorf("rung %s, want %s", r.Rung, q.rung)
	}
	for _, f := range r.Facilities {
		if f.OK != (want[f.Name] == "") || f.Errno != want[f.Name] {
			t.Errorf("%s: %v %q, want %q", f.Name, f.OK, f.Errno, want[f.Name])
		}
		delete(want, f.Name)
	}
	if len(want) > 0 {
		t.Errorf("not told: %v", want)
	}
	state := map[string]status.Control{}
	for _, c := range r.Controls {
		state[c.Control] = c
	}
	expect := func(controls []string, gone bool) {
		t.Helper()
		for _, c := range controls {
			s := state[c]
			switch {
			case gone && (s.State != "unavailable" || s.Reason == "" || s.Errno == 0):
				t.Errorf("%s: %+v, want it unavailable", c, s)
			case !gone && s.State != "enforced" && !(s.State == "audit" && (c == "metadataEndpoints" || c == "privilegeChange")):
				t.Errorf("%s: %+v", c, s)
			}
		}
	}
	expect(execControls, q.exec)
	expect(networkControls, q.network)
	expect(scalarControls, false)
}
