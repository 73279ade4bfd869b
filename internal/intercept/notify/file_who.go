package notify

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// fileState is what the file family keeps.
type fileState struct {
	judge   intercept.FileJudge // nil: files are not looked at
	own     ownFiles
	us      linux.Creds // ours
	child   fileCreds   // of the first process
	plain   sync.Map    // devices that are no proc file system
	mounts  bool        // somebody could mount: nothing is remembered of devices
	umasked atomic.Bool
	umask   uint32 // of everybody while umasked is not set
	sticky
	blocked blocked
}

// fileCreds are a caller's, and how far they are from ours.
type fileCreds struct {
	linux.Creds
	same   bool // as ours
	nearly bool // as ours but for CAP_SYS_PTRACE, which matters in /proc only
	weak   bool // neither root nor a capability
}

// umaskOnce takes our umask away, once: what we make for callers has exactly
// the mode that theirs leaves.
var umaskOnce = sync.OnceValue(func() int { return linux.SetUmask(0) })

// begin gives the umask that the command is to have.
func (f *fileState) begin(s *Supervisor, cmd *Command) (umask int) {
	f.judge, _ = s.cfg.Judge.(intercept.FileJudge)
	if us, err := linux.ThreadCreds(); err == nil {
		f.us = us
	} else {
		s.cfg.Logger.Error("cannot tell what we may do with files", "error", err)
	}
	f.child = f.against(f.us)
	for _, c := range cmd.DropCaps {
		f.child.Effective &^= 1 << c
	}
	f.child = f.against(f.child.Creds)
	f.own.set(s.cfg.Own)
	umask = umaskOnce()
	f.umask = uint32(umask)
	f.mounts = linux.HasCapability(linux.CapSysAdmin)
	return umask
}

func (f *fileState) against(c linux.Creds) fileCreds {
	k := fileCreds{Creds: c, same: c.Same(&f.us), weak: c.Effective == 0 && c.FSUID != 0}
	near := c
	near.Effective = near.Effective&^(1<<linux.CapSysPtrace) | f.us.Effective&(1<<linux.CapSysPtrace)
	k.nearly = near.Same(&f.us)
	return k
}

// whoOf gives the caller's credentials. They are read once a task: every call
// that changes them, exec included, forgets the task (task.go).
func (s *Supervisor) whoOf(c *Call) (*fileCreds, error) {
	if !s.identities.Load() && !s.roots.Load() {
		return &s.files.child, nil
	}
	c.Process()
	if c.task.who != nil {
		return c.task.who, nil
	}
	creds, _, err := procfs.ReadCreds(c.TID())
	if err != nil {
		return nil, err
	}
	if s.roots.Load() && !s.sameUserNamespace(c) {
		creds.Effective = 0 // they count in its own namespace only
	}
	k := s.files.against(creds)
	c.task.who = &k
	return &k, nil
}

func (s *Supervisor) sameUserNamespace(c *Call) bool {
	var theirs string
	err := c.Privileged(func() (err error) {
		theirs, err = linux.ReadlinkAt(linux.AtFDCWD, s.power.path(c.TID(), "ns/user"))
		return err
	})
	ours, oerr := linux.ReadlinkAt(linux.AtFDCWD, "/proc/self/ns/user")
	return err == nil && oerr == nil && theirs == ours
}

// fileUser carries out what one caller asks for.
type fileUser struct {
	place
	c     *Call
	who   *fileCreds
	taken bool
	// change: the call is about more than reading.
	change bool
	care   intercept.Care
	// reads are the flags of an open that only reads; 0: it is none.
	reads int
}

func (s *Supervisor) fileUser(c *Call) (*fileUser, error) {
	who, err := s.whoOf(c)
	if err != nil {
		return nil, err
	}
	return &fileUser{place: place{s: s, tid: c.TID(), tgid: c.Process().PID}, c: c, who: who}, nil
}

// take makes this thread the caller for what it does with files, until drop.
// near is enough outside /proc.
func (u *fileUser) take(near bool) syscall.Errno {
	if u.who.same || near && u.who.nearly {
		return 0
	}
	runtime.LockOSThread()
	u.taken = true
	if err := linux.TakeCreds(&u.who.Creds, &u.s.files.us); err != nil {
		u.drop()
		u.s.cfg.Logger.Warn("a call was refused: its caller's rights cannot be taken", "tid", u.tid, "error", err)
		return syscall.EACCES
	}
	return 0
}

func (u *fileUser) drop() {
	if !u.taken {
		return
	}
	if err := linux.RestoreCreds(&u.who.Creds, &u.s.files.us); err != nil {
		// The thread must not go on as somebody else. Ending fails closed.
		panic(fmt.Sprintf("cannot take back our own ids: %v", err))
	}
	u.taken = false
	runtime.UnlockOSThread()
}

// as runs fn as the caller.
func (u *fileUser) as(near bool, fn func() error) syscall.Errno {
	if e := u.take(near); e != 0 {
		return e
	}
	defer u.drop()
	return linux.ErrnoOf(fn())
}

// mode applies the caller's umask to a mode for what is made in dir: the
// kernel leaves it out where the directory has a default ACL.
func (u *fileUser) mode(dir int, mode uint32) (uint32, syscall.Errno) {
	umask := u.s.files.umask
	if u.s.files.umasked.Load() {
		var err error
		if _, umask, err = procfs.ReadCreds(u.tid); err != nil {
			return 0, syscall.EACCES
		}
	}
	if n, err := linux.GetXattrSize(linux.FDPath(dir), "system.posix_acl_default"); err == nil && n > 0 {
		return mode, 0
	}
	return mode &^ umask, 0
}

// handleUmask notes that not everybody has the umask of the start any more.
func handleUmask(s *Supervisor, _ *Call) Response {
	s.files.umasked.Store(true) // before it is so
	return cont()
}
