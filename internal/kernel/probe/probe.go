package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Name names one facility.
type Name string

// Facilities.
const (
	NoNewPrivs   Name = "no_new_privs"
	Listener     Name = "seccomp_listener"      // SECCOMP_FILTER_FLAG_NEW_LISTENER, Linux 5.0
	Continue     Name = "notify_continue"       // 5.5
	AddFD        Name = "notify_addfd"          // 5.9
	AddFDSend    Name = "notify_addfd_send"     // 5.14
	WaitKillable Name = "notify_wait_killable"  // 5.19, by behaviour
	SyncWakeUp   Name = "notify_sync_wake_up"   // 6.6
	Ptrace       Name = "ptrace_seize"          // of a child with our uid
	ProcMem      Name = "proc_mem"              // /proc/PID/mem of such a child
	VMRead       Name = "process_vm_readv"      // of such a child
	PidfdGetfd   Name = "pidfd_getfd"           // of such a child
	OtherUID     Name = "other_uid"             // memory, exe and ptrace of a child with another uid
	SysPtrace    Name = "cap_sys_ptrace"        // nothing of the above can be refused
	Openat2      Name = "openat2"               // 5.6
	TraceFilter  Name = "seccomp_trace"         // a filter that stops calls for a tracer
	ReadOnlyPage Name = "shared_page"           // SysV memory that others can only read
	LandlockTCP  Name = "landlock_tcp"          // ABI 4, 6.7
	LandlockSig  Name = "landlock_signal_scope" // ABI 6, 6.12
)

// Facility is one answer. Errno is 0 when it works, and EOPNOTSUPP when the
// calls exist but do not behave.
type Facility struct {
	Name  Name          `json:"name"`
	OK    bool          `json:"ok"`
	Errno syscall.Errno `json:"errno,omitempty"`
}

// Report is what Run found.
type Report struct {
	Facilities []Facility `json:"facilities"`
	Landlock   int        `json:"landlock"`  // ABI, 0: none
	YamaScope  int        `json:"yamaScope"` // -1: no Yama
	UID        int        `json:"uid"`
	// Hidden are governed calls that the container's own seccomp profile
	// answers with an errno before our filter can notify them.
	Hidden map[string]syscall.Errno `json:"hidden,omitempty"`
}

// Has says whether a facility works.
func (r Report) Has(n Name) bool {
	for _, f := range r.Facilities {
		if f.Name == n {
			return f.OK
		}
	}
	return false
}

// Rung is the engine ladder's rung that the facilities allow: A1, A2, A3, B or
// C.
func (r Report) Rung() string {
	notify := r.Has(Listener) && r.Has(Continue) && r.Has(AddFD)
	switch {
	case notify && r.Has(Ptrace) && r.Has(WaitKillable) && r.Has(SyncWakeUp) && r.Has(AddFDSend) && r.Has(LandlockSig):
		return "A1"
	case notify && r.Has(Ptrace):
		return "A2"
	case notify:
		return "A3"
	case r.Has(Ptrace) && r.Has(TraceFilter):
		return "B"
	}
	return "C"
}

// Limits of one run.
const (
	maxRun    = 15 * time.Second
	maxOutput = 64 << 10
)

const childName = "limpet-probe"

// Run probes in a child. An error means that the child could not be run, not
// that something is missing.
func Run(ctx context.Context) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, maxRun)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = []string{childName}
	cmd.Env = []string{"GOMAXPROCS=4"}
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	err := start(cmd)
	if err == nil {
		err = cmd.Wait()
		running.pid.Store(0)
	}
	if err != nil && out.Len() == 0 {
		return Report{}, fmt.Errorf("cannot probe the kernel: %w: %.200s", err, diag.String())
	}
	if out.Len() > maxOutput {
		return Report{}, fmt.Errorf("cannot read the probe's report: %d bytes", out.Len())
	}
	var r Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return Report{}, fmt.Errorf("cannot read the probe's report: %w", err)
	}
	return r, nil
}

// running is the probe's child, so that others know it.
var running struct {
	starting sync.Mutex
	pid      atomic.Int64
}

func start(cmd *exec.Cmd) error {
	running.starting.Lock()
	defer running.starting.Unlock()
	err := cmd.Start()
	if err == nil {
		running.pid.Store(int64(cmd.Process.Pid))
	}
	return err
}

// Child says that pid is the process in which the kernel is being tried.
func Child(pid int) bool {
	running.starting.Lock() // it may be coming up
	defer running.starting.Unlock()
	return int64(pid) == running.pid.Load()
}

// Main must be called first in main: in a probe's child it does not return.
func Main() {
	if len(os.Args) != 1 {
		return
	}
	switch os.Args[0] {
	case childName:
		b, err := json.Marshal(measure())
		if err == nil {
			_, err = os.Stdout.Write(b)
		}
		if err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	case targetName:
		target()
	case tracedName:
		traced()
	}
}
