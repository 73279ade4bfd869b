package notify

import (
	"errors"
	"strings"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
	"github.com/limpet-security/limpet/internal/kernel/seccomp/rules"
)

// Memory that becomes executable. The arguments are scalars, but what they
// stand for can change: a descriptor number, and the mappings of a range.
// A process with one thread and a descriptor table of its own cannot change
// the number while it waits, so its mmap is judged and let through. Of any other the
// mapping of a file is made by a thread with a table that nobody else can change
// (carrier.go), and only of the file that was judged. The rest is judged, let
// through, stopped at the call's return and looked at again; if something else
// is executable than was judged, and is denied, the process is killed: that is
// detection within a moment, not prevention.
func mapFamily() []entry {
	return []entry{
		{"mmap", handleMmap},
		{"mprotect", handleMprotect("mprotect")}, {"pkey_mprotect", handleMprotect("pkey_mprotect")},
		{"shmat", handleShmat}, {"personality", handlePersonality},
	}
}

const (
	protWrite = 0x2
	mapShared = 0x1 // MAP_SHARED; MAP_SHARED_VALIDATE is 3, MAP_PRIVATE 2
	mapType   = 0xf
)

func (s *Supervisor) judgeMap(c *Call, m *action.Map) Response {
	if m.Unverified || m.Kind == action.MapModified {
		// It may look so only because the caller was killed meanwhile.
		if m.Late && !stopped(c.TID()) || !m.Late && !c.Valid() {
			return fail(syscall.EINTR)
		}
	}
	m.Waits = nil
	if !m.Late {
		m.Waits = c.Valid
	}
	m.Proc = c.Process()
	return scalar(s.cfg.Judge.Map(m))
}

func handleShmat(s *Supervisor, c *Call) Response {
	const readOnly = 0o10000 // SHM_RDONLY
	return s.judgeMap(c, &action.Map{Kind: action.MapShared, Syscall: "shmat", Writable: c.Args[2]&readOnly == 0, FD: -1})
}

func handlePersonality(s *Supervisor, c *Call) Response {
	if uint32(c.Args[0]) == ^uint32(0) {
		return cont() // asks
	}
	return s.judgeMap(c, &action.Map{Kind: action.MapAll, Syscall: "personality", Writable: true, FD: -1})
}

func handleMmap(s *Supervisor, c *Call) Response {
	prot, flags, fd := c.Args[2], c.Args[3], int(int32(c.Args[4]))
	m := &action.Map{Syscall: "mmap", Writable: prot&protWrite != 0, FD: -1}
	if flags&rules.MapAnonymous != 0 {
		m.Kind = action.MapAnonymous
		return s.judgeMap(c, m)
	}
	if fd < 0 {
		return cont() // EBADF
	}
	tid := c.TID()
	// A library that was found to be the image's is known by its identity.
	st, err := s.statFD(tid, fd)
	if errors.Is(err, syscall.ENOENT) {
		return cont() // EBADF
	}
	alone := s.alone(c)
	judged := fileOf(&st)
	known := err == nil && !m.Writable && s.cfg.Judge.MapKnown(judged)
	if !known {
		c.Slow()
		if r := s.judgeFile(c, m, fd); !r.Continue {
			return r
		}
		judged = m.File
	}
	if alone {
		return cont()
	}
	if judged.Ino != 0 && !s.net.isStubborn(c.Process()) {
		r, err := s.carryFile(c, fd, func(st *linux.Stat) bool { return same(fileOf(st), judged) })
		if err != nil { // somebody traces it: judged once more as what cannot be looked at
			return s.judgeMap(c, &action.Map{Syscall: "mmap", Unverified: true, FD: -1})
		}
		return r
	}
	length := (c.Args[1] + pageSize - 1) &^ (pageSize - 1)
	return s.look2(c, false, func(at uint64) (from, to uint64) { return at, at + length })
}

// judgeFile asks about the object behind a descriptor of the caller.
func (s *Supervisor) judgeFile(c *Call, m *action.Map, fd int) Response {
	p := place{s: s, tid: c.TID(), tgid: c.Process().PID}
	o, err := p.find(fd, "", linux.AtEmptyPath)
	if err != nil {
		if errors.Is(err, syscall.EBADF) {
			return cont()
		}
		m.Unverified = true
		return s.judgeMap(c, m)
	}
	defer o.close()
	p.show(m, o)
	if m.FD >= 0 {
		defer linux.Close(m.FD)
	}
	return s.judgeMap(c, m)
}

// show fills in what an object shows. The caller closes m.FD.
func (p place) show(m *action.Map, o *object) {
	m.Kind, m.Path, m.File, m.Fileless, m.FD = action.MapFile, o.path, o.file, o.fileless, -1
	if o.file.Mode&syscall.S_IFMT == syscall.S_IFCHR {
		m.Kind = action.MapAnonymous // /dev/zero, or a device's own memory
		return
	}
	if o.file.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return
	}
	m.FD = p.reopen(o)
	var head [4]byte
	if m.FD >= 0 {
		if n, _ := linux.Pread(m.FD, head[:], 0); n == 4 && string(head[:]) == "\x7fELF" {
			m.ELF = true
		}
	}
}

func handleMprotect(name string) handler {
	return func(s *Supervisor, c *Call) Response {
		from := linux.Untagged(c.Args[0])
		to := from + (c.Args[1]+pageSize-1)&^(pageSize-1)
		if from&(pageSize-1) != 0 || to <= from {
			return cont() // EINVAL, or nothing
		}
		alone := s.alone(c)
		if r, _ := s.judgeRange(c, name, from, to, c.Args[2]&protWrite != 0, false); !r.Continue {
			return r
		}
		if alone && s.traceless.Load() {
			return cont()
		}
		// Nobody was asked about a vfork: when the middle one of three dies, the
		// first goes on in memory that it shares with the last.
		return s.look2(c, alone, func(uint64) (uint64, uint64) { return from, to })
	}
}

// judgeRange asks about every mapping in a range: before it becomes
// executable, or, late, about what is so already. bad is the one that is refused.
func (s *Supervisor) judgeRange(c *Call, name string, from, to uint64, write, late bool) (r Response, bad procfs.VMA) {
	tid := c.TID()
	var vmas []procfs.VMA
	err := s.power.as(tid, func() error {
		fd, err := linux.OpenAt(linux.AtFDCWD, s.power.path(tid, "maps"), syscall.O_RDONLY)
		if err != nil {
			return err
		}
		defer linux.Close(fd)
		vmas, err = procfs.VMAs(fd, from, to)
		return err
	})
	if err != nil {
		return s.judgeMap(c, &action.Map{Syscall: name, Writable: write, Unverified: true, Late: late, FD: -1}), bad
	}
	for i := range vmas {
		v := &vmas[i]
		if late && !v.Exec || !late && v.Exec && (v.Write || !write) {
			continue // nothing new
		}
		m := &action.Map{Syscall: name, Writable: write || late && v.Write, Late: late, FD: -1}
		switch {
		case v.Ino == 0:
			m.Kind = action.MapAnonymous
		default:
			s.mapped(c, m, v, max(from, v.Start), min(to, v.End))
		}
		r = s.judgeMap(c, m)
		if m.FD >= 0 {
			linux.Close(m.FD)
		}
		if !r.Continue {
			return r, *v
		}
	}
	return cont(), bad
}

// mapped finds the file behind a mapping, by its name and what that leads to.
func (s *Supervisor) mapped(c *Call, m *action.Map, v *procfs.VMA, from, to uint64) {
	m.Kind = action.MapFile
	p := place{s: s, tid: c.TID(), tgid: c.Process().PID}
	name, gone := strings.CutSuffix(v.Name, " (deleted)")
	o, err := p.find(linux.AtFDCWD, v.Name, 0)
	there := err == nil && p.isMapped(o, v) // whatever it is called
	if !there && (gone || strings.HasPrefix(name, "/memfd:") || strings.HasPrefix(name, "/SYSV")) {
		o.close()
		m.Fileless, m.ELF = true, m.Syscall != "" && v.Offset == 0 && s.beginsAsELF(c, v.Start)
		return
	}
	if !there {
		o.close()
		m.Path, m.Unverified = v.Name, true
		return
	}
	p.show(m, o)
	o.close()
	if !v.Share && (v.Write && !m.Late || s.changed(c, from, to)) {
		m.Kind = action.MapModified
	}
}

func (s *Supervisor) beginsAsELF(c *Call, at uint64) bool {
	var b [4]byte
	return c.Read(at, b[:]) == nil && string(b[:]) == "\x7fELF"
}

// maxChanged bounds the pages of one range that are looked through.
const maxChanged = 1 << 20

// changed says that some page of a private mapping of a file is no longer the
// file's: present or swapped, and anonymous (pagemap bits 63, 62 and 61).
func (s *Supervisor) changed(c *Call, from, to uint64) bool {
	tid := c.TID()
	fd := -1
	err := s.power.as(tid, func() (err error) {
		fd, err = linux.OpenAt(linux.AtFDCWD, s.power.path(tid, "pagemap"), syscall.O_RDONLY)
		return err
	})
	if err != nil || (to-from)/pageSize > maxChanged {
		if fd >= 0 {
			linux.Close(fd)
		}
		return true // cannot be known
	}
	defer linux.Close(fd)
	var b [4096]byte
	for at := from; at < to; {
		n := min(uint64(len(b)), (to-at)/pageSize*8)
		k, err := linux.Pread(fd, b[:n], int64(at/pageSize*8))
		if err != nil || k < 8 {
			return true
		}
		for i := 0; i+8 <= k; i += 8 {
			w := word(b[i : i+8])
			if w&(3<<62) != 0 && w&(1<<61) == 0 {
				return true
			}
		}
		at += uint64(k/8) * pageSize
	}
	return false
}

// look2 lets a judged call happen, stops the thread at the call's return, and
// judges what is executable then. alone: it seems to be the only one in its
// memory, and is let go where nobody may trace it.
func (s *Supervisor) look2(c *Call, alone bool, span func(result uint64) (from, to uint64)) Response {
	c.Slow()
	tid, proc := c.TID(), *c.Process()
	name := s.routes[c.NR].name
	if !s.killable {
		// A signal may have taken an earlier call of this thread from us, which
		// is still being looked at.
		defer s.unheard.enter(c)()
		if !c.Valid() {
			return fail(syscall.EINTR)
		}
		// The thread may be past the call's return when it stops, and its
		// result is lost: everything that is executable then is looked at.
		span = func(uint64) (from, to uint64) { return 0, 1 << 63 }
	}
	if err := s.power.as(tid, func() error { return linux.Seize(tid, linux.TraceExitKill) }); err != nil {
		if errors.Is(err, syscall.ESRCH) || !c.Valid() {
			return fail(syscall.EINTR)
		}
		if st, err := procfs.ReadStatus(tid); alone && err == nil && st.Tracer == 0 {
			return cont()
		}
		// Somebody traces it: judged once more as what cannot be looked at.
		m := &action.Map{Syscall: name, Unverified: true, FD: -1}
		return s.judgeMap(c, m)
	}
	if s.killable {
		_ = linux.Interrupt(tid)
		s.send(c, cont())
	} else {
		s.send(c, cont())
		_ = linux.Interrupt(tid)
	}
	c.answered.Store(true)
	for {
		who, st, err := linux.WaitTracee(tid)
		if err != nil {
			return done()
		}
		if st.Exited() || st.Signaled() {
			s.inherited(tid, who, &proc, st)
			continue
		}
		if uint32(st)>>16 != linux.EventStop {
			_ = linux.Cont(tid, int(st.StopSignal()))
			continue
		}
		var regs linux.Regs
		a := intercept.Allow
		if err := linux.GetRegs(tid, &regs); err == nil && (!s.killable || uint64(regs.Result()) < ^uint64(4095)) {
			from, to := span(uint64(regs.Result()))
			if r, bad := s.judgeRange(c, name, from, to, false, true); !r.Continue {
				a.Kill = true
				s.endSharers(proc.PID, &bad)
			}
		}
		if a.Kill {
			_ = syscall.Kill(proc.PID, syscall.SIGKILL)
		}
		_ = linux.Detach(tid, 0)
		return done()
	}
}

// endSharers ends who else has a mapping in his memory: who shares it with pid,
// or was forked from it since.
func (s *Supervisor) endSharers(pid int, bad *procfs.VMA) {
	table, err := procfs.OpenTable()
	if err != nil {
		return
	}
	defer table.Close()
	pids, _ := table.Pids(nil)
	for _, p := range pids {
		if st, err := procfs.ReadStat(p); err != nil || st.Executed || p == pid || s.ours(p) {
			continue
		}
		fd := -1
		if s.power.as(p, func() (err error) {
			fd, err = linux.OpenAt(linux.AtFDCWD, s.power.path(p, "maps"), syscall.O_RDONLY)
			return err
		}) != nil {
			continue
		}
		_ = procfs.EachVMA(fd, bad.Start, bad.End, func(v *procfs.VMA) bool {
			if v.Exec && v.Ino == bad.Ino && v.Start == bad.Start && v.Name == bad.Name && bad.End > 0 {
				_ = syscall.Kill(p, syscall.SIGKILL)
			}
			return false
		})
		linux.Close(fd)
	}
}
