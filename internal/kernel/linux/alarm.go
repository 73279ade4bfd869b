package linux

import (
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Alarm wakes one goroutine many times a second for little. A timer of Go's
// own also wakes the scheduler's monitor thread, which then looks around for
// some milliseconds: at 50 Hz that is four times what the rest costs.
type Alarm struct {
	f   *os.File
	fd  uintptr
	raw syscall.RawConn
}

// NewAlarm makes a timerfd that Go's poller waits for.
func NewAlarm() (*Alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("cannot make a timer: %w", err)
	}
	a := &Alarm{f: os.NewFile(uintptr(fd), "alarm"), fd: uintptr(fd)}
	if a.raw, err = a.f.SyscallConn(); err != nil {
		a.f.Close()
		return nil, fmt.Errorf("cannot wait for a timer: %w", err)
	}
	return a, nil
}

// Wait sleeps for d; false: Close was called.
func (a *Alarm) Wait(d time.Duration) bool {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(int64(d), 1))}
	set := false
	err := a.raw.Read(func(fd uintptr) bool {
		if !set {
			set = true
			_, _, e := syscall.RawSyscall6(unix.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
			return e != 0
		}
		var n uint64
		_, _, e := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&n)), 8)
		return e != syscall.EAGAIN
	})
	return err == nil
}

// Close ends a Wait and every later one.
func (a *Alarm) Close() error { return a.f.Close() }
