package probe

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/kernel/landlock"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// notes collects facilities.
type notes struct{ r Report }

func (n *notes) add(name Name, err error) {
	f := Facility{Name: name, OK: err == nil}
	if err != nil {
		f.Errno = syscall.EOPNOTSUPP
		errors.As(err, &f.Errno)
	}
	n.r.Facilities = append(n.r.Facilities, f)
}

func measure() Report {
	n := &notes{r: Report{UID: os.Getuid(), YamaScope: -1}}
	if b, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope"); err == nil {
		if v, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
			n.r.YamaScope = v
		}
	}
	v, err := landlock.ABI()
	n.r.Landlock = v
	need := func(abi int) error {
		if err == nil && v < abi {
			return syscall.EOPNOTSUPP
		}
		return err
	}
	n.add(LandlockTCP, need(4))
	n.add(LandlockSig, need(6))
	fd, err := linux.OpenAt2(linux.AtFDCWD, "/", linux.OPath, linux.ResolveNoMagicLinks)
	if err == nil {
		linux.Close(fd)
	}
	n.add(Openat2, err)
	err = nil
	if !linux.HasCapability(linux.CapSysPtrace) {
		err = syscall.EPERM
	}
	n.add(SysPtrace, err)
	n.reach()
	n.trace()
	n.listener()
	if n.r.Has(Listener) {
		n.r.Hidden, _ = hidden()
	}
	return n.r
}

// getppid is the call that the probe's own filter notifies.
func getppid() (int, syscall.Errno) {
	v, _, e := syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0)
	return int(v), e
}

func filter() []linux.SockFilter {
	return []linux.SockFilter{
		{Code: 0x20, K: 0},
		{Code: 0x15, JT: 0, JF: 1, K: syscall.SYS_GETPPID},
		{Code: 0x06, K: 0x7fc00000},
		{Code: 0x06, K: 0x7fff0000},
	}
}

// subject is a thread under a filter that makes one call when told.
type subject struct {
	listener, tid int
	err           error
	ask           chan struct{}
	told          chan int
}

func newSubject(flags uintptr) *subject {
	s := &subject{ask: make(chan struct{}), told: make(chan int, 1)}
	ready := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		s.tid = linux.Gettid()
		if flags&linux.FilterKillable == 0 {
			// Go's own signals would take the call from the probe.
			linux.BlockSignals()
		}
		if s.err = linux.SetNoNewPrivs(); s.err == nil {
			s.listener, s.err = linux.InstallFilter(filter(), linux.FilterListener|flags)
		}
		close(ready)
		if s.err != nil {
			return
		}
		for range s.ask {
			v, e := getppid()
			if e != 0 {
				v = -int(e)
			}
			s.told <- v
		}
	}()
	<-ready
	return s
}

func (s *subject) recv() (linux.Notification, error) {
	s.ask <- struct{}{}
	for tries := 0; ; tries++ {
		var n linux.Notification
		switch e := linux.Recv(s.listener, &n); {
		case e == 0:
			return n, nil
		case e == syscall.EINTR:
		case e == syscall.ENOENT && tries < 100: // a signal came first; the call is made again
		default:
			return n, e
		}
	}
}

// told waits for the call's result, which must come once it was answered.
func (s *subject) result() (int, error) {
	select {
	case v := <-s.told:
		return v, nil
	case <-time.After(time.Second):
		return 0, syscall.ETIMEDOUT
	}
}

func (s *subject) check(e syscall.Errno, want func(int) bool) error {
	if e != 0 {
		return e
	}
	v, err := s.result()
	if err == nil && !want(v) {
		err = syscall.EOPNOTSUPP
	}
	return err
}

func (n *notes) listener() {
	rest := []Name{Listener, Continue, AddFD, AddFDSend, SyncWakeUp, WaitKillable}
	nothing := func(err error) {
		for _, f := range rest {
			n.add(f, err)
		}
	}
	note := func(err error) {
		n.add(rest[0], err)
		rest = rest[1:]
	}
	err := linux.SetNoNewPrivs()
	n.add(NoNewPrivs, err)
	s := newSubject(0)
	if s.err != nil {
		nothing(s.err)
		return
	}
	answer := func(f func(linux.Notification) syscall.Errno, want func(int) bool) error {
		q, err := s.recv()
		if err != nil {
			return err
		}
		return s.check(f(q), want)
	}
	err = answer(func(q linux.Notification) syscall.Errno {
		return linux.Send(s.listener, &linux.Reply{ID: q.ID, Val: 4242})
	}, func(v int) bool { return v == 4242 })
	if err != nil {
		nothing(err)
		return
	}
	note(nil)
	note(answer(func(q linux.Notification) syscall.Errno {
		return linux.Send(s.listener, &linux.Reply{ID: q.ID, Flags: linux.ReplyContinue})
	}, func(v int) bool { return v == os.Getppid() }))
	note(answer(func(q linux.Notification) syscall.Errno {
		fd, e := linux.InstallFD(s.listener, &linux.AddFD{ID: q.ID, SrcFD: 0})
		if e == 0 {
			linux.Close(fd)
		}
		if f := linux.Send(s.listener, &linux.Reply{ID: q.ID}); f != 0 {
			return f
		}
		if e != 0 {
			<-s.told
		}
		return e
	}, func(v int) bool { return v == 0 }))
	note(answer(func(q linux.Notification) syscall.Errno {
		_, e := linux.InstallFD(s.listener, &linux.AddFD{ID: q.ID, SrcFD: 0, Flags: linux.AddFDSend})
		if e != 0 {
			linux.Send(s.listener, &linux.Reply{ID: q.ID})
			<-s.told
		}
		return e
	}, func(v int) bool { return v > 2 }))
	var sync error
	if e := linux.SetListenerFlags(s.listener, linux.SyncWakeUp); e != 0 {
		sync = e
	}
	note(sync)
	note(killable())
}

// killable signals a caller whose call was received: it must go on waiting,
// and get the answer.
func killable() error {
	s := newSubject(linux.FilterKillable)
	if s.err != nil {
		return s.err
	}
	q, err := s.recv()
	if err != nil {
		return err
	}
	for range 3 {
		_ = linux.Tgkill(os.Getpid(), s.tid, syscall.SIGURG)
		time.Sleep(50 * time.Microsecond)
	}
	if !linux.IDValid(s.listener, q.ID) {
		return syscall.EOPNOTSUPP
	}
	return s.check(linux.Send(s.listener, &linux.Reply{ID: q.ID, Val: 77}), func(v int) bool { return v == 77 })
}
