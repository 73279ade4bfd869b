package notify

import (
	"errors"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// An exec is decided twice. The path and arguments are copied out of the
// caller and judged; an allowed call is let through only while its thread is
// seized, and the exec stop shows what was really mapped before the first
// instruction of it runs (execstop.go).
func execFamily() []entry {
	return []entry{{"execve", handleExecve}, {"execveat", handleExecveat}}
}

func handleExecve(s *Supervisor, c *Call) Response {
	return s.exec(c, linux.AtFDCWD, c.Args[0], c.Args[1], c.Args[2], 0)
}

func handleExecveat(s *Supervisor, c *Call) Response {
	return s.exec(c, int(int32(c.Args[0])), c.Args[1], c.Args[2], c.Args[3], int(int32(c.Args[4])))
}

// attempt is one exec on its way.
type attempt struct {
	place
	action.Exec
	obj    *object // what was asked for
	interp *object // the script's interpreter, if it is one
	final  action.File
	wants  intercept.Wants
	real   realProgram // behind every script
	begun  bool        // the caller has become the new program
	call   *Call       // which asked for it
	thin   bool        // Proc lacks what only a report asks for
}

func (a *attempt) close() {
	if a.FD >= 0 {
		linux.Close(a.FD)
		a.FD = -1
	}
	a.obj.close()
	a.interp.close()
	a.closeRefs()
}

func (s *Supervisor) exec(c *Call, dirfd int, path, argv, envp uint64, flags int) Response {
	name, err := c.ReadString(path, action.MaxPath)
	if err == nil && s.nowhere(name) {
		return fail(syscall.ENOENT)
	}
	a := s.attempt(c)
	defer a.close()
	if r, denied := s.askExec(c, a, dirfd, name, err, argv, envp, flags); denied {
		return r
	}
	if w := s.power.wards.get(c.TID()); w != nil && !a.Unverified {
		a.DescribeCaller()
		return w.execute(s, c, a, dirfd)
	}
	if err = s.seizeForExec(c); err != nil {
		// A task that has ended is not to be traced either: EPERM, until it is waited for.
		if errors.Is(err, syscall.ESRCH) || !c.Valid() {
			return fail(syscall.EINTR)
		}
		if s.cannotTrace(c, a) {
			return s.execTraceless(c, a)
		}
		if !a.Unverified {
			a.Unverified = true
			if r, denied := answerOf(s.cfg.Judge.Exec(&a.Exec)); denied {
				return r
			}
		}
		return cont()
	}
	s.letExec(c, a)
	return done()
}

// attempt begins an exec; it is the caller's to close.
func (s *Supervisor) attempt(c *Call) *attempt {
	a := &attempt{wants: s.cfg.Judge.Wants()}
	// What is remembered of this task ends here, whatever comes of the call.
	proc, thin := s.parting(c, a.wants.Thin)
	a.call, a.Caller, a.thin = c, a, thin
	a.tid, a.tgid, a.s = c.TID(), proc.PID, s
	a.FD = -1
	a.Proc = &proc
	return a
}

// askExec is the first of the two decisions about name, which was read with err;
// r is the answer when denied.
func (s *Supervisor) askExec(c *Call, a *attempt, dirfd int, name string, err error, argv, envp uint64, flags int) (r Response, denied bool) {
	switch {
	case errors.Is(err, syscall.EFAULT):
		return fail(syscall.EFAULT), true
	case errors.Is(err, errLong):
		return fail(syscall.ENAMETOOLONG), true
	case err != nil:
		a.Unverified = true
	}
	a.Requested = name
	if err == nil {
		a.Args, a.ArgsTruncated = c.readArgs(argv)
		var env []string
		if a.wants.Env {
			env = c.readEnv(envp)
		}
		if !c.Valid() {
			return fail(syscall.EINTR), true // nobody waits for it
		}
		err = a.look(dirfd, name, flags)
		var e syscall.Errno
		if errors.As(err, &e) {
			if s.meetsToo(a.Proc, e) {
				return fail(e), true
			}
			a.Unverified = true
		} else if inert(a.obj.file.Mode) {
			return fail(syscall.EACCES), true
		} else {
			a.refer(a.kernelArgs(), a.ArgsTruncated, env)
		}
	}
	if a.uncertain() && !c.Valid() {
		return fail(syscall.EINTR), true // it could not be looked at because it was killed meanwhile
	}
	c.Attend()
	a.ids()
	a.sockets()
	return answerOf(s.cfg.Judge.Exec(&a.Exec))
}

// seizeForExec attaches to the caller. Without WAIT_KILLABLE a call that was
// interrupted comes twice, and another thread of ours may still hold the
// caller for the first: that passes.
func (s *Supervisor) seizeForExec(c *Call) (err error) {
	if s.cfg.noTrace {
		return syscall.EPERM
	}
	for range 100 {
		err = c.Privileged(func() error { return linux.Seize(c.TID(), linux.TraceExec|linux.TraceExitKill) })
		if err == nil {
			s.power.traces.Store(true)
		}
		if err == nil || s.killable || !errors.Is(err, syscall.EPERM) {
			return err
		}
		if st, serr := procfs.ReadStatus(c.TID()); serr != nil || !s.ours(st.Tracer) {
			return err
		}
		if !c.Valid() {
			return syscall.ESRCH
		}
		time.Sleep(100 * time.Microsecond)
	}
	return err
}

// meetsToo says that the caller itself would have met our errno. What is wrong
// with a name does not depend on who looks: a shell of another user that tries
// the folders of PATH one after the other meets many names that do not exist.
func (s *Supervisor) meetsToo(p *action.Process, e syscall.Errno) bool {
	switch e {
	case syscall.EACCES, syscall.EPERM, syscall.EMFILE, syscall.ENFILE:
		return false
	case syscall.ENOENT, syscall.ENOTDIR, syscall.ELOOP, syscall.ENAMETOOLONG:
		return true
	}
	return p.UID == s.power.uid
}

// inert says that the kernel starts no object of this mode, whoever asks: there
// is nothing to judge about a text that a shell or a test takes for a program.
func inert(mode uint32) bool {
	switch mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		return mode&0o111 == 0
	case syscall.S_IFLNK:
		return false // O_NOFOLLOW: ELOOP, says the kernel
	}
	return true
}

// readArgs copies argv within the bounds of package action.
func (c *Call) readArgs(argv uint64) (args []string, cut bool) {
	if argv == 0 {
		return nil, false
	}
	total := 0
	var ptrs [32 * 8]byte
	for {
		n := len(ptrs)
		if err := c.Read(argv, ptrs[:]); err != nil {
			n = 0 // the array may end near unmapped memory: one by one
			for n < len(ptrs) && c.Read(argv+uint64(n), ptrs[n:n+8]) == nil {
				n += 8
				if word(ptrs[n-8:]) == 0 {
					break
				}
			}
			if n == 0 {
				return args, true
			}
		}
		for i := 0; i < n; i += 8 {
			p := word(ptrs[i:])
			if p == 0 {
				return args, false
			}
			if len(args) == action.MaxArgs || total >= action.MaxArgBytes {
				return args, true
			}
			a, err := c.ReadString(p, action.MaxArgBytes-total)
			args = append(args, a)
			total += len(a) + 1
			if err != nil {
				return args, true
			}
		}
		argv += uint64(n)
	}
}

func word(b []byte) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

// look finds the object and, for a script, what will really run.
func (a *attempt) look(dirfd int, name string, flags int) error {
	obj, err := a.known(dirfd, name, flags)
	if err == syscall.EAGAIN {
		if obj, err = a.find(dirfd, name, flags); err == nil && flags == 0 {
			a.keep(name, obj)
		}
	}
	if err != nil {
		return err
	}
	return a.found(obj)
}

// lookAnew is look by what is there now, whatever the name led to before.
func (a *attempt) lookAnew(dirfd int, name string, flags int) error {
	obj, err := a.find(dirfd, name, flags)
	if err != nil {
		return err
	}
	return a.found(obj)
}

func (a *attempt) found(obj *object) error {
	a.obj.close()
	a.interp.close()
	if a.FD >= 0 {
		linux.Close(a.FD)
		a.FD = -1
	}
	a.obj, a.interp = obj, nil
	a.Path, a.File, a.Fileless = obj.path, obj.file, obj.fileless
	a.Script, a.Interpreter, a.InterpFile = false, "", action.File{}
	a.final, a.real, a.Opener = obj.file, realProgram{path: obj.path}, nil
	if obj.file.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return nil // the kernel refuses it itself
	}
	if static, known := a.s.heads.get(obj.file); known {
		a.real.static, a.Opener = static, a
		return nil
	}
	if a.OpenObject() < 0 && obj.fd < 0 {
		return syscall.ENOENT // it was there a moment ago
	}
	return a.shebang()
}

// reopen opens an object for reading; -1: not permitted.
func (p place) reopen(o *object) int {
	fd, err := linux.OpenAt(linux.AtFDCWD, selfFD(o.fd), syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY)
	if err != nil {
		return -1
	}
	return fd
}
