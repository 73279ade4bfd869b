//go:build docker

package microenforcer_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/microenforcer/status"
)

// What hosts refuse, in the words of a container's seccomp profile.
const (
	noKillable = `{"names":["seccomp"],"action":"SCMP_ACT_ERRNO","errnoRet":22,"args":[{"index":1,"value":32,"valueTwo":32,"op":"SCMP_CMP_MASKED_EQ"}]}`
	noLandlock = `{"names":["landlock_create_ruleset","landlock_add_rule","landlock_restrict_self"],"action":"SCMP_ACT_ERRNO","errnoRet":38}`
	noSyncWake = `{"names":["ioctl"],"action":"SCMP_ACT_ERRNO","errnoRet":22,"args":[{"index":1,"value":1074274564,"op":"SCMP_CMP_EQ"}]}`
	noAddFD    = `{"names":["ioctl"],"action":"SCMP_ACT_ERRNO","errnoRet":22,"args":[{"index":1,"value":1075323139,"op":"SCMP_CMP_EQ"}]}`
	noPtrace   = `{"names":["ptrace","pidfd_getfd","process_vm_readv","process_vm_writev"],"action":"SCMP_ACT_ERRNO","errnoRet":1}`
	noReach    = `{"names":["pidfd_getfd","process_vm_readv","process_vm_writev"],"action":"SCMP_ACT_ERRNO","errnoRet":1}`
	noPidfd    = `{"names":["pidfd_open","pidfd_getfd","pidfd_send_signal"],"action":"SCMP_ACT_ERRNO","errnoRet":38}`
	linux510   = noKillable + "," + noLandlock + "," + noSyncWake
)

// hosts are the kinds of machine that a container may find itself on.
var hosts = []struct {
	name  string
	mask  string // "": Docker's own profile
	flags []string
	rung  string
	less  []string // what is audit although the policy enforces
	tmp   string
}{
	{name: "this kernel", mask: `{"names":["acct"],"action":"SCMP_ACT_ERRNO"}`, rung: "A1"},
	{name: "Docker's profile", rung: "A1"},
	{name: "no Landlock", mask: noLandlock, rung: "A2"},
	{name: "no pidfd", mask: noPidfd, rung: "A1"},
	{name: "Linux 5.10", mask: linux510, rung: "A2"},
	{name: "ECS Fargate: 5.10, SYS_PTRACE added", mask: linux510, flags: []string{"--cap-add", "SYS_PTRACE"}, rung: "A2"},
	{name: "EKS Fargate: 5.10, nothing can be added", mask: linux510 + "," + noReach, rung: "A2"},
	{name: "EKS Fargate as uid 1000, read-only, without capabilities", mask: linux510 + "," + noReach, rung: "A2", tmp: "/scratch",
		flags: []string{"--user", "1000:1000", "--cap-drop", "ALL", "--read-only", "--tmpfs", "/scratch:exec,mode=1777"}},
	{name: "no ptrace", mask: noPtrace, rung: "A3", less: traceless},
	{name: "no ptrace, as uid 1000", mask: noPtrace, flags: []string{"--user", "1000:1000"}, rung: "A3", less: traceless},
	{name: "no ADDFD, as before 5.9", mask: noAddFD, rung: "B"},
	// The ptrace engine's own tests say more about the two that follow.
	{name: "gVisor: no listener", mask: noListener, rung: "B"},
	{name: "sysbox: busy listener", mask: busyListener, rung: "B"},
}

// traceless are the controls that rung A3 keeps in audit.
var traceless = []string{"deniedExecutables", "drift", "fileless", "packageManagers", "reverseShell", "interpreters", "users"}

// S10: on every kind of host each control that status calls enforced stops its
// attack, each that it calls audit reports it, and each that it calls
// unavailable says why.
func TestDockerStatusIsTrue(t *testing.T) {
	buildImages(t)
	for _, h := range hosts {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			flags := slices.Clone(h.flags)
			if h.mask != "" {
				flags = append(flags, "--security-opt", "seccomp="+profile(t, h.mask))
			}
			together, alone := groups(func(tt attackCase) bool { return tt.control == "reverseShell" }) // its peer is denied here
			for _, cases := range [][]attackCase{together, alone} {
				for _, mode := range []string{"audit", "enforce"} {
					controls, command, order := compose(cases, mode, dockerPeer, dockerPeer)
					policyFile := newPolicy(t, controls)
					rung, said := statusIn(t, flags, policyFile)
					if rung != h.rung {
						t.Errorf("rung %s, want %s", rung, h.rung)
					}
					for i, a := range command {
						if h.tmp != "" {
							command[i] = strings.Replace(a, "/tmp/dropped", h.tmp+"/dropped", 1)
						}
					}
					r := container(t, scratchImage, shape{flags: flags}, policyFile, nil, command...)
					parts := r.said(len(order))
					if parts == nil {
						t.Errorf("%s: not every attack was tried\n%s", mode, r.brief())
						continue
					}
					for i, tt := range order {
						want := "enforced"
						switch {
						case mode == "audit" || slices.Contains(h.less, tt.control):
							want = "audit"
						}
						holdTo(t, tt, mode, want, said[tt.control], parts[i], r)
					}
					if t.Failed() {
						t.Logf("%s\n%s", mode, r.brief())
					}
				}
			}
		})
	}
}

// holdTo compares what status says of a control with what its attack did.
func holdTo(t *testing.T, tt attackCase, mode, want string, c status.Control, said string, r result) {
	t.Helper()
	blind := strings.Contains(c.Reason, "no event") // the container's own profile refuses it first
	if blind && want == "audit" && c.State == "unavailable" {
		want = "unavailable"
	}
	if c.State != want || want == "unavailable" && c.Reason == "" {
		t.Errorf("%s %s: status says %+v, want %s", mode, tt.name, c, want)
	}
	events := r.of(tt.control)
	if tt.control == "drift" {
		events = append(events, r.of("fileless")...)
	}
	switch c.State {
	case "enforced":
		if !strings.Contains(said, tt.denied) || tt.worked != "" && strings.Contains(said, tt.worked) {
			t.Errorf("%s %s is called enforced, but: %s", mode, tt.name, said)
		}
		if len(events) == 0 && !blind {
			t.Errorf("%s %s is called enforced and made no event", mode, tt.name)
		}
	case "audit":
		if len(events) == 0 && !blind {
			t.Errorf("%s %s is called audit and made no event: %s", mode, tt.name, said)
		}
		if mode == "enforce" && c.Errno == 0 {
			t.Errorf("%s %s: nothing says what is missing: %+v", mode, tt.name, c)
		}
	}
	for _, e := range events {
		if mode == "audit" && e.Verdict != eventpb.Verdict_VERDICT_AUDIT {
			t.Errorf("%s %s: %v", mode, tt.name, e)
		}
	}
}

// statusIn asks what would hold in a container.
func statusIn(t *testing.T, flags []string, policyFile string) (rung string, controls map[string]status.Control) {
	t.Helper()
	args := append([]string{"run", "--rm", "--network", "none", "-v", policyFile + ":/policy.yaml:ro"}, flags...)
	args = append(args, scratchImage, "/.limpet/microenforcer", "status", "--json", "--policy", "/policy.yaml", "--manifest", "/.limpet/manifest")
	out, err := docker(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	var r status.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	controls = map[string]status.Control{}
	for _, c := range r.Controls {
		controls[c.Control] = c
	}
	return r.Rung, controls
}
