package sweep

import (
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// program gives the identity of what a process runs; zero if it cannot be seen.
func (s *Sweeper) program(pid int) (f action.File) {
	_ = s.cfg.Tree.Privileged(pid, func() error {
		var err error
		if f, err = programAt(procfs.Path(pid, "exe")); err == syscall.ENOENT {
			f, err = programAt(procfs.Path(procfs.Living(pid), "exe"))
		}
		return err
	})
	return f
}

func programAt(path string) (action.File, error) {
	var st linux.Stat
	if err := linux.StatAt(linux.AtFDCWD, path, &st, 0); err != nil {
		return action.File{}, err
	}
	return action.File{
		Dev: st.Dev, Ino: st.Ino, Size: st.Size,
		MtimeNs: int64(st.Mtim.Sec)*1e9 + int64(st.Mtim.Nsec), CtimeNs: int64(st.Ctim.Sec)*1e9 + int64(st.Ctim.Nsec),
		Mode: st.Mode, UID: st.Uid, GID: st.Gid, Nlink: uint32(st.Nlink),
	}, nil
}

// describe fills in the program of a process: the object that is mapped.
func (s *Sweeper) describe(pid int, e *action.Exec) {
	exe := procfs.Path(procfs.Living(pid), "exe")
	err := s.cfg.Tree.Privileged(pid, func() (err error) {
		if e.FD < 0 {
			e.FD, err = linux.OpenAt(linux.AtFDCWD, exe, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY)
		}
		if err != nil {
			e.FD = -1
			return err
		}
		e.Path, err = linux.ReadlinkAt(linux.AtFDCWD, exe)
		if err != nil {
			return err
		}
		e.File, err = programAt(exe)
		return err
	})
	if err != nil {
		e.Unverified = true
		return
	}
	if e.File.Nlink == 0 || strings.HasPrefix(e.Path, "/memfd:") {
		e.Fileless, e.Path = true, ""
		return
	}
	if m, err := linux.FsMagic(e.FD); err == nil && (m == linux.TmpfsMagic || m == linux.RamfsMagic || m == linux.HugetlbMagic) {
		root, err := programAt("/")
		e.Fileless = err != nil || e.File.Dev != root.Dev
	}
}

// Reading the arguments of a process touches its memory, which it can make
// slow: a thread is spent on that, for so long, and no more than so many.
const (
	maxReading  = 10 * time.Millisecond
	maxReadings = 4
)

var readings atomic.Int32

// arguments reads the arguments of a process.
func arguments(pid int) ([]string, bool) {
	if readings.Add(1) > maxReadings {
		readings.Add(-1)
		return nil, false
	}
	out := make(chan []string, 1)
	go func() {
		defer readings.Add(-1)
		args, _, err := procfs.Cmdline(pid, action.MaxArgs, action.MaxArgBytes)
		if err == nil && len(args) == 0 {
			args, _, err = procfs.Cmdline(procfs.Living(pid), action.MaxArgs, action.MaxArgBytes)
		}
		if err != nil {
			args = nil
		}
		out <- args
	}()
	select {
	case args := <-out:
		return args, args != nil
	case <-time.After(maxReading):
		return nil, false
	}
}

// mountNamespace names the mount namespace of a process ("self"); "" if it
// cannot be read.
func mountNamespace(who string) string {
	l, err := linux.ReadlinkAt(linux.AtFDCWD, "/proc/"+who+"/ns/mnt")
	if err != nil {
		return ""
	}
	return l
}

// sameContainer says that a process shares our cgroup or our mount namespace.
func (s *Sweeper) sameContainer(pid int) bool {
	pid = procfs.Living(pid)
	if s.cg != "" {
		if cg, err := procfs.Cgroups(pid); err == nil && cg == s.cg {
			return true
		}
	}
	same := false
	_ = s.cfg.Tree.Privileged(pid, func() error {
		l, err := linux.ReadlinkAt(linux.AtFDCWD, procfs.Path(pid, "ns/mnt"))
		same = err == nil && l == s.mnt
		return err
	})
	return same
}

// inContainer says whether we are the first process of a container, so that
// what else is in it and not below us came from outside: PID 1; the child of
// an init in our own container (docker run --init); or one who entered a pid
// namespace whose first process belongs to another container (pidMode: task,
// shareProcessNamespace). It gives the processes above us.
func (s *Sweeper) inContainer() (here bool, above []int) {
	if s.self == 1 {
		return true, nil
	}
	parent := 0
	for pid := s.self; len(above) < maxClimb; {
		st, err := procfs.ReadStat(pid)
		if err != nil || st.PPID == 0 {
			break
		}
		if parent == 0 {
			parent = st.PPID
		}
		pid = st.PPID
		above = append(above, pid)
	}
	switch parent {
	case 0:
		return !s.sameContainer(1), above
	case 1:
		return s.sameContainer(1), above
	}
	return false, above
}
