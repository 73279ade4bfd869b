package probe

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

const tracedName = "limpet-probe-traced"

// traced says which thread it is, waits until that is traced, and makes one
// call under a filter that stops it for the tracer.
func traced() {
	runtime.LockOSThread()
	say := func(v int) { _, _ = os.Stdout.WriteString(strconv.Itoa(v) + "\n") }
	say(linux.Gettid())
	if !bufio.NewScanner(os.Stdin).Scan() {
		os.Exit(1)
	}
	err := linux.SetNoNewPrivs()
	if err == nil {
		_, err = linux.InstallFilter(answering(retTrace), 0)
	}
	if err != nil {
		var e syscall.Errno
		errors.As(err, &e)
		say(-int(e))
		os.Exit(0)
	}
	v, e := getppid()
	if e != 0 {
		v = -int(e)
	}
	say(v)
	os.Exit(0)
}

const retTrace = 0x7ff00000

// answering is a filter that does something with getppid.
func answering(action uint32) []linux.SockFilter {
	f := filter()
	f[2].K = action
	return f
}

// traceAnswer is what the tracer says in the kernel's place.
const traceAnswer = 4243

// trace lets a tracer answer a call.
func (n *notes) trace() {
	n.add(TraceFilter, traceFilter())
	n.add(ReadOnlyPage, readOnlyPage())
}

func traceFilter() error {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{tracedName}
	cmd.Env = []string{"GOMAXPROCS=1"}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	out := bufio.NewScanner(pipe)
	if !out.Scan() {
		return syscall.EIO
	}
	tid, err := strconv.Atoi(out.Text())
	if err != nil {
		return syscall.EIO
	}
	runtime.LockOSThread() // the thread ends with the goroutine's owner, this short process
	defer runtime.UnlockOSThread()
	if err := linux.Seize(tid, linux.TraceSeccomp|linux.TraceExitKill); err != nil {
		return err
	}
	if _, err := in.Write([]byte("go\n")); err != nil {
		return err
	}
	stopped := false
	for !stopped {
		_, st, err := linux.WaitTracee(tid)
		if err != nil || st.Exited() || st.Signaled() {
			break
		}
		if uint32(st)>>16 != linux.EventSeccomp {
			sig := 0
			if uint32(st)>>16 == 0 {
				sig = int(st.StopSignal())
			}
			_ = linux.Cont(tid, sig)
			continue
		}
		var r linux.Regs
		if err := linux.GetRegs(tid, &r); err != nil {
			return err
		}
		if err := linux.SkipCall(tid, &r, traceAnswer); err != nil {
			return err
		}
		if err := linux.Detach(tid, 0); err != nil {
			return err
		}
		stopped = true
	}
	if !out.Scan() {
		return syscall.EIO
	}
	v, err := strconv.Atoi(out.Text())
	switch {
	case err == nil && v < 0:
		return syscall.Errno(-v)
	case err != nil || !stopped || v != traceAnswer:
		return syscall.EOPNOTSUPP
	}
	return nil
}

// pageAt is where package tracer puts its page, of this size.
const (
	pageAt   = 0x10000
	pageSize = 0x50000
)

// readOnlyPage tries whether an attached segment can be had at a low address
// and stays closed to writing.
func readOnlyPage() error {
	id, mem, err := linux.Segment(pageSize)
	if err != nil {
		return err
	}
	defer linux.ReleaseSegment(mem)
	at, err := linux.AttachSegment(id, pageAt, linux.ShmReadOnly)
	if err != nil {
		return err
	}
	defer linux.DetachSegment(at)
	if at != pageAt || linux.MakeWritable(at, pageSize) == nil {
		return syscall.EOPNOTSUPP
	}
	fd, err := linux.OpenAt(linux.AtFDCWD, "/proc/self/mem", syscall.O_RDWR)
	if err != nil {
		return nil // nobody can try
	}
	defer linux.Close(fd)
	if n, _ := syscall.Pwrite(fd, []byte{1}, int64(at)); n > 0 {
		return syscall.EOPNOTSUPP
	}
	return nil
}
