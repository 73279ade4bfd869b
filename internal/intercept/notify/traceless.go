package notify

import (
	"encoding/binary"
	"sync"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// Rung A3: a listener, but nobody may be traced (a seccomp profile without
// ptrace, for instance). An exec cannot be stopped before the first
// instruction of the new program, so a caller that changes the path after the
// verdict gets it run. What is done about that:
//
//   - right after the answer a thread of ours looks what is mapped, and kills
//     what was not judged and would be denied (overlook);
//   - no governed call of a program is carried out before that program, as it
//     is mapped now, has been judged (gate). Forks inherit nothing: what counts
//     is the program of whoever calls.
//
// So such a program can open no connection, start nothing and reach nobody,
// but it may compute, read and write files until it is seen. Status therefore
// calls these controls audit on this rung, never enforced.
//
// It is entered when the very first exec of the tree cannot be seized although
// its caller can be read and nobody else traces it.
type seenImages struct {
	mu  sync.Mutex
	set map[image]struct{}
}

// image is what was judged: the object that is mapped, and for whom.
type image struct {
	dev, ino uint64
	size     int64
	mtime    int64
	uid      uint32
}

// maxImages bounds the set; beyond it all are judged again.
const maxImages = 4096

func imageOf(f action.File, uid uint32) image {
	return image{uint64(f.Dev), f.Ino, f.Size, f.MtimeNs, uid}
}

func (m *seenImages) has(p image) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.set[p]
	return ok
}

func (m *seenImages) add(p image) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.set == nil || len(m.set) >= maxImages {
		m.set = make(map[image]struct{})
	}
	m.set[p] = struct{}{}
}

// cannotTrace decides whether the tree lives on rung A3, at its first exec.
func (s *Supervisor) cannotTrace(c *Call, a *attempt) bool {
	if s.traceless.Load() {
		return true
	}
	if s.power.traces.Load() || a.Unverified {
		return false
	}
	st, err := procfs.ReadStatus(c.TID())
	if err != nil || st.Tracer != 0 {
		return false
	}
	s.traceless.Store(true)
	return true
}

// exeOf is the program that a task runs.
func (s *Supervisor) exeOf(tid int) (f action.File, err error) {
	var st linux.Stat
	err = s.power.as(tid, func() error { return linux.StatAt(linux.AtFDCWD, procfs.Path(tid, "exe"), &st, 0) })
	return fileOf(&st), err
}

// How long a thread of ours watches an exec: most take less than a
// millisecond. What takes longer, or failed, is left to the gate.
const (
	firstLook = 20 * time.Microsecond
	lastLook  = 2 * time.Millisecond
	maxLook   = 40 * time.Millisecond
)

// execTraceless lets a judged exec happen and looks what came of it.
func (s *Supervisor) execTraceless(c *Call, a *attempt) Response {
	c.Slow()
	pid := a.Proc.PID
	before, err := s.exeOf(c.TID())
	if err != nil {
		return fail(syscall.EACCES)
	}
	victim, err := linux.PidfdOpen(pid) // what is to be killed is this process, not one that has its number later
	if err == nil {
		defer linux.Close(victim)
	} else {
		victim = -1
	}
	s.send(c, cont())
	c.answered.Store(true)
	begin := time.Now()
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		exe, err := s.exeOf(pid)
		if err != nil {
			return done() // gone, or closed: then its calls are unverified
		}
		if !same(exe, before) && s.loaded(pid) {
			break
		}
		if time.Since(begin) > maxLook {
			if !same(exe, before) || !same(exe, a.final) || !s.loaded(pid) {
				return done() // it takes long, or failed
			}
			break // the same program again
		}
		time.Sleep(pause)
	}
	if !s.verified(c, a, pid) {
		if victim < 0 || linux.PidfdSignal(victim, syscall.SIGKILL) != nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		return done()
	}
	if exe, err := s.exeOf(pid); err == nil && same(exe, a.final) {
		s.images.add(imageOf(exe, a.Proc.UID))
	}
	return done()
}

// loaded says that the kernel has done with an exec: it has the name of the new
// program before it has laid out its stack.
func (s *Supervisor) loaded(pid int) bool {
	var aux []byte
	err := s.power.as(pid, func() (err error) {
		aux, _, err = procfs.ReadFile(procfs.Path(pid, "auxv"), 4096)
		return err
	})
	return err != nil || len(aux) >= 16 && binary.NativeEndian.Uint64(aux) != 0
}

// gate holds up a call until its caller's program has been judged.
func (s *Supervisor) gate(c *Call) (r Response, denied bool) {
	p := *c.Process()
	exe, err := s.exeOf(c.TID())
	known := imageOf(exe, p.UID)
	if err == nil && s.images.has(known) {
		return Response{}, false
	}
	a := &attempt{place: place{s: s, tid: c.TID(), tgid: p.PID}, wants: s.cfg.Judge.Wants()}
	a.FD = -1
	a.Proc = &p
	defer a.close()
	if err != nil && !c.Valid() {
		return fail(syscall.EINTR), true // it was killed meanwhile
	}
	if err != nil {
		// A process that gave its identity up is closed. Nothing is known
		// against it, so it is refused, not killed.
		a.Unverified = true
		return answerOf(s.cfg.Judge.Exec(&a.Exec))
	}
	a.relook(exe)
	if args, cut, err := procfs.Cmdline(p.PID, action.MaxArgs, action.MaxArgBytes); err == nil {
		a.Args, a.ArgsTruncated = args, cut
	}
	if !c.Valid() {
		return fail(syscall.EINTR), true
	}
	if s.cfg.Judge.ExecStarted(&a.Exec) != intercept.Allow {
		return killed(), true
	}
	if !a.Unverified {
		s.images.add(known)
	}
	return Response{}, false
}
