package notify

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
	"github.com/limpet-security/limpet/internal/kernel/seccomp/rules"
)

// Calls that name a process: the filter notifies those of targetCalls only
// when the target is one of the protected pids.
func selfFamily() []entry {
	out := []entry{
		{"tkill", handleTkill},
		{"pidfd_send_signal", handlePidfdSignal},
		{"kill", handleKill},
		{"tgkill", handleKill},
		{"pidfd_open", handlePidfdOpen},
		{"setpriority", handlePriority("setpriority", rules.PrioGroup, rules.PrioUser)},
		{"ioprio_set", handlePriority("ioprio_set", rules.IoprioGroup, rules.IoprioUser)},
	}
	for _, n := range []string{
		"rt_sigqueueinfo", "rt_tgsigqueueinfo", "prlimit64", "sched_setaffinity",
		"sched_setscheduler", "sched_setparam", "sched_setattr", "migrate_pages", "move_pages", "setpgid",
	} {
		out = append(out, entry{n, func(s *Supervisor, c *Call) Response {
			if !s.ours(int(int32(c.Args[targetArg(n)]))) && n != "setpgid" {
				return cont()
			}
			return s.tamper(c, n, "aimed at the enforcer")
		}})
	}
	return out
}

// targetArg says which argument of a call names a process or thread.
func targetArg(name string) int {
	for _, t := range rules.TargetRules {
		if t.Syscall == name {
			return int(t.Arg)
		}
	}
	return 0
}

// ours says whether a pid or thread id belongs to a protected process.
func (s *Supervisor) ours(pid int) bool {
	if pid <= 0 {
		return false
	}
	if pid == s.self {
		return true
	}
	for _, p := range s.cfg.Protect {
		if p == pid {
			return true
		}
	}
	return linux.Exists(linux.AtFDCWD, "/proc/self/task/"+strconv.Itoa(pid))
}

// handleKill sees kill and tgkill aimed at us, and, where nothing confines
// signals, every kill. Signal 0 asks whether we are there, which is no attack.
func handleKill(s *Supervisor, c *Call) Response {
	sig := c.Args[1]
	name := "kill"
	if s.routes[c.NR].name == "tgkill" {
		name, sig = "tgkill", c.Args[2]
	}
	target := int(int32(c.Args[0]))
	switch {
	case uint32(sig) == 0:
		return cont()
	case s.ours(target):
		return s.tamper(c, name, fmt.Sprintf("signal %d", int32(sig)))
	case name == "kill" && s.open && target <= 0:
		return s.killMany(c, target, syscall.Signal(int32(sig)))
	}
	return cont()
}

func handleTkill(s *Supervisor, c *Call) Response {
	if s.ours(int(int32(c.Args[0]))) && uint32(c.Args[1]) != 0 {
		return s.tamper(c, "tkill", fmt.Sprintf("signal %d", int32(c.Args[1])))
	}
	return cont()
}

// handlePriority sees calls that would slow us down: by our number, with our
// process group, or with every process of our user. The arguments are scalars.
func handlePriority(name string, group, user uint32) handler {
	return func(s *Supervisor, c *Call) Response {
		which, who := uint32(c.Args[0]), int(int32(c.Args[1]))
		aimed := false
		switch which {
		case group:
			if who == 0 { // the caller's own
				st, err := procfs.ReadStat(c.Process().PID)
				aimed = err != nil
				who = st.PGID
			}
			aimed = aimed || who != 0 && who == syscall.Getpgrp()
		case user:
			if who == 0 { // the caller's own
				st, err := procfs.ReadStatus(c.TID())
				aimed = err != nil || int(st.UID.Real) == syscall.Getuid()
			} else {
				aimed = who == syscall.Getuid()
			}
		default:
			aimed = s.ours(who)
		}
		if !aimed {
			return cont()
		}
		return s.tamper(c, name, "aimed at the enforcer")
	}
}

// handlePidfdOpen lets nobody hold a descriptor of ours: it is notified only
// when it names us.
func handlePidfdOpen(s *Supervisor, c *Call) Response {
	return s.tamper(c, "pidfd_open", "a descriptor of the enforcer")
}

func handlePidfdSignal(s *Supervisor, c *Call) Response {
	pid := s.pidfdTarget(c, int(int32(c.Args[0])))
	if s.ours(pid) {
		return s.tamper(c, "pidfd_send_signal", fmt.Sprintf("signal %d", int32(c.Args[1])))
	}
	// pidfd_open refuses one of ours, so only a directory /proc/PID could be
	// swapped in between this verdict and the call. Landlock stops that where it
	// confines signals, and PID 1 is immune to the signals that matter; elsewhere
	// the call is made here, on the process that was judged.
	if s.open {
		return s.signalFor(c, pid)
	}
	return cont()
}

// pidfdTarget reads which process a caller's descriptor names; 0: none, or it
// cannot be told.
func (s *Supervisor) pidfdTarget(c *Call, fd int) int {
	if fd < 0 {
		return 0
	}
	var pid int
	_ = c.Privileged(func() error {
		b, _, err := procfs.ReadFile(s.power.path(c.TID(), "fdinfo/"+strconv.Itoa(fd)), 4096)
		if err != nil {
			return err
		}
		if _, v, ok := strings.Cut(string(b), "\nPid:\t"); ok {
			v, _, _ = strings.Cut(v, "\n")
			pid, _ = strconv.Atoi(v)
			return nil
		}
		// A directory /proc/PID serves as a pidfd for signals.
		l, err := linux.ReadlinkAt(linux.AtFDCWD, s.power.path(c.TID(), "fd/"+strconv.Itoa(fd)))
		if err == nil {
			pid, _ = strconv.Atoi(l[strings.LastIndexByte(l, '/')+1:])
		}
		return err
	})
	return pid
}
