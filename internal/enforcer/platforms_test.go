package enforcer

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/limpet-security/limpet/internal/kernel/probe"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/policy/platform"
	"github.com/limpet-security/limpet/internal/verdict"
)

var update = flag.Bool("update", false, "write generated files anew")

// dockerHides is what Docker's default profile refuses to a container without
// more capabilities than it gives by default.
var dockerHides = hides("unshare", "setns", "mount", "umount2", "pivot_root", "move_mount", "fsopen", "open_tree",
	"bpf", "perf_event_open", "init_module", "finit_module", "keyctl", "userfaultfd", "kexec_load",
	"process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd")

func hides(calls ...string) map[string]syscall.Errno {
	out := map[string]syscall.Errno{}
	for _, n := range calls {
		out[n] = syscall.EPERM
	}
	return out
}

// withoutPtrace is the same on a host that refuses ptrace.
func withoutPtrace() map[string]syscall.Errno {
	out := hides("ptrace")
	maps.Copy(out, dockerHides)
	return out
}

// hosts are the platforms of the table, with what the probe finds there.
var hosts = []struct {
	platform.Platform
	support Support
}{
	{
		platform.Platform{ID: "docker", Title: "Docker", Rung: "A1", About: "a container or virtual machine with Linux 6.12 or newer, under Docker's default seccomp profile. " +
			"Older kernels without Landlock's signal scope are as Fargate."},
		Support{Report: host(dockerHides, probe.VMRead, probe.PidfdGetfd), Visit: &Visit{Here: true, Marked: true, Kill: true}},
	},
	{
		platform.Platform{ID: "fargate", Title: "AWS Fargate", Rung: "A2", About: "Linux 5.10, with or without SYS_PTRACE."},
		Support{
			Report: host(dockerHides, probe.VMRead, probe.PidfdGetfd, probe.WaitKillable, probe.SyncWakeUp, probe.AddFDSend, probe.LandlockSig, probe.LandlockTCP),
			Visit:  &Visit{Here: true, Kill: true},
		},
	},
	{
		platform.Platform{ID: "aci", Title: "Azure Container Instances", Rung: "A3", About: "a host whose profile refuses ptrace. What Azure gives is not documented: the enforcer tries, and takes a better rung where it can."},
		Support{Report: host(withoutPtrace(), probe.Ptrace, probe.VMRead, probe.PidfdGetfd, probe.OtherUID), Visit: &Visit{Here: true, Marked: true, Kill: true}},
	},
	{
		platform.Platform{ID: "gvisor", Title: "Cloud Run (gen 1), gVisor", Rung: "B", About: "no seccomp listener; every task is traced."},
		Support{Report: host(nil, probe.Listener, probe.Continue, probe.AddFD, probe.AddFDSend, probe.WaitKillable, probe.SyncWakeUp, probe.LandlockSig, probe.LandlockTCP), Visit: &Visit{Here: true, Kill: true}},
	},
	{
		platform.Platform{ID: "watch", Title: "Watch only", Rung: "C", About: "a host with neither a seccomp listener nor ptrace."},
		Support{Report: host(nil, probe.Listener, probe.Continue, probe.AddFD, probe.AddFDSend, probe.WaitKillable, probe.SyncWakeUp,
			probe.Ptrace, probe.VMRead, probe.PidfdGetfd, probe.OtherUID), Visit: &Visit{Here: true, Kill: true}},
	},
}

// host is a report in which all works but what is named.
func host(hidden map[string]syscall.Errno, missing ...probe.Name) probe.Report {
	r := probe.Report{Hidden: hidden}
	for _, n := range []probe.Name{probe.NoNewPrivs, probe.Listener, probe.Continue, probe.AddFD, probe.AddFDSend, probe.WaitKillable, probe.SyncWakeUp,
		probe.Ptrace, probe.ProcMem, probe.VMRead, probe.PidfdGetfd, probe.OtherUID, probe.Openat2, probe.TraceFilter, probe.ReadOnlyPage, probe.LandlockTCP, probe.LandlockSig} {
		f := probe.Facility{Name: n, OK: !slices.Contains(missing, n)}
		if !f.OK {
			f.Errno = map[bool]syscall.Errno{true: syscall.EPERM, false: syscall.EINVAL}[n == probe.Ptrace]
		}
		r.Facilities = append(r.Facilities, f)
	}
	return r
}

// TestPlatformsAreCurrent holds the published table against what Status says.
// Write it anew with: go test ./internal/enforcer -run PlatformsAreCurrent -update
func TestPlatformsAreCurrent(t *testing.T) {
	table := platform.Table{}
	states := map[string]map[policy.ControlID]ControlStatus{}
	for _, h := range hosts {
		table.Platforms = append(table.Platforms, h.Platform)
		for _, mode := range []policy.Mode{policy.Enforce, policy.Audit} {
			states[h.ID+string(mode)] = statusOn(t, h.Platform, h.support, mode)
		}
	}
	for _, c := range policy.Registry() {
		row := platform.Row{Control: c.ID}
		for _, h := range hosts {
			e, a := states[h.ID+"enforce"][c.ID], states[h.ID+"audit"][c.ID]
			if e.State == "" || a.State == "" || e.State == Off || e.State == Audited && e.Reason == "" || e.State == Unavailable && e.Reason == "" {
				t.Errorf("%s on %s: %+v, %+v", c.ID, h.ID, e, a)
			}
			row.On = append(row.On, platform.Cell{Enforce: string(e.State), Audit: string(a.State), Why: e.Reason, WhyAudit: a.Reason})
		}
		table.Controls = append(table.Controls, row)
	}
	encoded, err := json.MarshalIndent(table, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string][]byte{
		"../policy/platform/platforms.json": append(encoded, '\n'),
		"../../docs/PLATFORMS.md":           []byte(table.Markdown()),
	} {
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what Status says (%v); run this test with -update", filepath.Base(file), err)
		}
	}
}

func statusOn(t *testing.T, p platform.Platform, s Support, mode policy.Mode) map[policy.ControlID]ControlStatus {
	t.Helper()
	text, err := os.ReadFile("../policy/platform/every.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := policy.Parse([]byte(strings.ReplaceAll(string(text), "MODE", string(mode))))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range policy.ControlIDs() {
		if set, ok := doc.Spec.Controls.Setting(id); !ok || set.Mode != mode {
			t.Errorf("every.yaml does not set %s", id)
		}
	}
	e, err := verdict.Compile([]*policy.RuntimePolicy{doc}, verdict.Workload{GroupMode: policy.Enforce})
	if err != nil {
		t.Fatal(err)
	}
	s.Known, s.Manifest, s.Arms = true, true, ArmsOf(e)
	s.Dropped = CapabilitiesOf(e, policy.Enforce)
	s.Lost = s.Dropped
	rung, out := Status(e, s)
	if rung != p.Rung {
		t.Errorf("%s is rung %s, want %s", p.ID, rung, p.Rung)
	}
	by := map[policy.ControlID]ControlStatus{}
	for _, c := range out {
		by[c.Control] = c
	}
	return by
}
