package notify

import (
	"bytes"
	"encoding/binary"
	"errors"
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// # A ward executes
//
// At the exec stop of a program whose ids differ there would be nothing that
// we could look at. So a ward has the ids of its eye while it executes:
//
//	ward                          keeper
//	execve, judged         <----  stopped at the end of that call
//	takes one id           <----
//	execve                 <----
//	exec stop               ---->  verified as everybody's
//	makes a new eye        <----  by the system call instruction in its vdso
//	takes its ids          <----  as exec would have left them
//	first instruction
//
// Whether the ward's own ids may execute the file is asked before, and that
// file must be the one that was mapped.

// executing is an exec of a ward on its way.
type executing struct {
	b        *borrowed
	e        *errand
	uid, gid identity3
	as       eye // whose ids it has meanwhile
}

// exec has the keeper of a ward carry out its exec.
func (w *ward) execute(s *Supervisor, c *Call, a *attempt, dirfd int) Response {
	if e := a.permitted(c, dirfd); e != 0 {
		return fail(e)
	}
	c.Slow()
	e := &errand{nr: int(c.NR), args: c.Args, ip: c.IP, exec: a, call: c, over: make(chan struct{})}
	w.asked.Store(e)
	if w.stop() != nil {
		w.done()
		return fail(syscall.EINTR)
	}
	if s.killable {
		s.send(c, fail(syscall.EINTR)) // it stops there, and the call is made again
	}
	c.answered.Store(true)
	c.mem.close()
	<-e.over
	return done()
}

// permitted asks the kernel whether the caller may execute what it names.
func (a *attempt) permitted(c *Call, dirfd int) syscall.Errno {
	creds, _, err := procfs.ReadCreds(a.tid)
	if err != nil || !a.hold() {
		return syscall.EACCES
	}
	if creds.FSUID == 0 {
		return 0
	}
	creds.UID, creds.EUID, creds.GID, creds.EGID = creds.FSUID, creds.FSUID, creds.FSGID, creds.FSGID // access(2) asks for the real ones
	who := a.s.files.against(creds)
	base := linux.AtFDCWD
	if a.Requested != "" && a.Requested[0] != '/' {
		if base, err = a.start(dirfd); err != nil {
			return syscall.EACCES
		}
		defer linux.Close(base)
	}
	const executable = 1 // X_OK
	return (&fileUser{place: a.place, c: c, who: &who}).as(false, func() error {
		if a.Requested != "" && !a.s.roots.Load() {
			// The way to it; what lies behind /proc/self is not ours to say.
			fd, err := linux.OpenAt2(base, a.Requested, linux.OPath, linux.ResolveNoMagicLinks)
			if errors.Is(err, syscall.EACCES) {
				return err
			}
			closeIf(fd)
		}
		for _, o := range []*object{a.obj, a.interp} {
			if o == nil {
				continue
			}
			if err := syscall.Faccessat(linux.AtFDCWD, selfFD(o.fd), executable, 0); err != nil {
				return err
			}
		}
		return nil
	})
}

// execute begins the exec of a ward that stands behind its call.
func (k *keeper) execute(w *ward, b *borrowed, e *errand) {
	st, err := procfs.ReadStatus(w.tid)
	if err == nil && w.eye == nil {
		err = syscall.EPERM
	}
	if err != nil {
		k.goOn(w, b, -int64(syscall.EAGAIN))
		return
	}
	x := &executing{b: b, e: e, uid: threeOf(st.UID), gid: threeOf(st.GID), as: *w.eye}
	one := func(id uint32) identity3 { return identity3{id, id, id} }
	if err := b.become(one(x.as.uid), one(x.as.gid)); err != nil {
		k.end(w.tid, w.proc)
		return
	}
	k.s.injected.expect(w.tid, injectedCall{nr: b.nr, args: b.args, answer: cont()})
	if b.enter(w.tid, b.nr, b.args) == nil {
		w.exec = x
		_ = linux.ContSyscall(w.tid, 0)
	}
}

// become changes the ids of a borrowed task.
func (b *borrowed) become(uid, gid identity3) error {
	for i, ids := range []identity3{gid, uid} {
		var v int64
		if err := b.call(setThree[i], [6]uint64{uint64(ids[0]), uint64(ids[1]), uint64(ids[2])}, &v); err != nil {
			return err
		}
		if v != 0 {
			return syscall.Errno(-v)
		}
	}
	return b.call(syscall.SYS_PRCTL, openFlags, nil)
}

// end kills a process that must not go on.
func (k *keeper) end(pid int, proc action.Process) {
	k.leaving[pid] = proc
	_ = syscall.Kill(proc.PID, syscall.SIGKILL)
	_ = linux.Cont(pid, int(syscall.SIGKILL))
}

// goOn ends what a ward asked for, with a result for its call.
func (k *keeper) goOn(w *ward, b *borrowed, v int64) {
	b.regs.Returned(b.ip, b.args, v)
	k.settle(w, b)
	w.done()
}

// failed gives a ward its ids back when its exec came to nothing.
func (k *keeper) failed(w *ward) {
	x := w.exec
	w.exec = nil
	k.s.injected.forget(w.tid)
	var r linux.Regs
	if linux.GetRegs(w.tid, &r) != nil {
		return
	}
	if err := x.b.become(x.uid, x.gid); err != nil {
		if !errors.Is(err, errGone) {
			k.end(w.tid, w.proc)
		}
		return
	}
	k.goOn(w, x.b, r.Result())
}

// executed takes up a ward that has become another program.
func (k *keeper) executed(pid int) {
	former, err := linux.EventMessage(pid)
	w := k.wards[former]
	if err != nil || w == nil || w.exec == nil {
		for _, o := range k.wards {
			if o.pid == pid {
				k.part(o)
			}
		}
		_ = linux.Detach(pid, 0)
		return
	}
	x, e := w.exec, w.exec.e
	defer close(e.over)
	w.asked.Store(nil)
	k.s.injected.forget(former)
	for _, o := range k.wards {
		if o.pid == w.pid {
			k.part(o) // its memory is gone
		}
	}
	allowed, a := e.exec.final, e.exec
	proc := *a.Proc
	proc.PID, proc.TID = pid, pid
	ok := k.s.verified(e.call, a, pid)
	if ok {
		exe, err := k.s.exeOf(pid)
		ok = err == nil && same(exe, allowed)
	}
	k.s.begun.Store(true)
	if !ok || k.resume(pid, proc, x) != nil {
		k.end(pid, proc)
	}
}

// resume lets a new program begin, as a ward with the ids that are its own.
func (k *keeper) resume(pid int, proc action.Process, x *executing) error {
	mem := -1
	err := k.s.power.as(pid, func() (err error) {
		mem, err = linux.OpenAt(linux.AtFDCWD, procfs.Path(pid, "mem"), syscall.O_RDWR)
		return err
	})
	if err != nil {
		return err
	}
	defer linux.Close(mem)
	var regs linux.Regs
	if err := linux.GetRegs(pid, &regs); err != nil {
		return err
	}
	vdso, err := secure(mem, regs.SP(), x.uid, x.gid)
	if err != nil {
		return err
	}
	code := make([]byte, 2*pageSize)
	n, err := linux.Pread(mem, code, int64(vdso))
	at := bytes.Index(code[:max(n, 0)], []byte(linux.SyscallInstruction))
	if err != nil || at < 0 {
		return errNoDoor
	}
	b := &borrowed{s: k.s, tid: pid, ip: vdso + uint64(at+len(linux.SyscallInstruction)), nr: x.b.nr, args: x.b.args, proc: proc}
	if _, err := b.next(pid); err != nil { // out of execve
		return err
	}
	if !b.hold() {
		return errGone
	}
	w := &ward{tid: pid, pid: pid, proc: proc}
	if w.eye, err = k.eye(b, x.as.uid, x.as.gid); err != nil {
		return err
	}
	k.add(w)
	// An exec saves the effective id.
	if err := b.become(identity3{x.uid[0], x.uid[1], x.uid[1]}, identity3{x.gid[0], x.gid[1], x.gid[1]}); err != nil {
		k.part(w)
		return err
	}
	b.regs.Restart()
	k.settle(w, b)
	return nil
}

var errNoDoor = errors.New("the new program has no vdso that could be used")

// The auxiliary vector's entries about who runs the program.
const (
	atUID, atEUID, atGID, atEGID = 11, 12, 13, 14
	atSecure, atSysinfo          = 23, 33
)

// secure tells a new program, on its stack, whose it is, and finds its vdso.
func secure(mem int, sp uint64, uid, gid identity3) (vdso uint64, err error) {
	var w [8]byte
	read := func(at uint64) uint64 {
		if _, rerr := linux.Pread(mem, w[:], int64(at)); rerr != nil {
			err = rerr
			return 0
		}
		return binary.NativeEndian.Uint64(w[:])
	}
	own := map[uint64]uint32{atUID: uid[0], atEUID: uid[1], atGID: gid[0], atEGID: gid[1], atSecure: 1}
	at := sp + 8*(read(sp)+2)
	for err == nil && read(at) != 0 { // the environment
		at += 8
	}
	for at += 8; err == nil; at += 16 {
		key := read(at)
		if key == 0 {
			break
		}
		if key == atSysinfo {
			vdso = read(at + 8)
		}
		if v, ok := own[key]; ok {
			binary.NativeEndian.PutUint64(w[:], uint64(v))
			if _, werr := syscall.Pwrite(mem, w[:], int64(at+8)); werr != nil {
				err = werr
			}
		}
	}
	if err == nil && vdso == 0 {
		err = errNoDoor
	}
	return vdso, err
}
