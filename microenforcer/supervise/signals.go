package supervise

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"unsafe"
)

// Signal is one signal that reached this process.
type Signal struct {
	Number syscall.Signal
	Code   int32  // si_code: 0 kill, -1 sigqueue, -6 tkill, > 0 the kernel
	PID    int32  // sender, as our PID namespace numbers it; 0 from outside or from the kernel
	UID    uint32 // sender
	Value  uint64 // of sigqueue
}

const (
	maxSignal   = 64
	sigProf     = syscall.Signal(27)
	sigThread   = syscall.Signal(33) // the Go runtime's own per-thread signal
	siginfoSize = 32                 // what the handlers write: up to and including si_value

	codeUser  = 0
	codeQueue = -1

	saNoCldStop = 1
	sigDfl      = 0
	sigIgn      = 1
)

// Read by the handlers: set before the first of them is installed, never
// changed afterwards.
var (
	pipeFD uintptr // write end of the pipe
	//lint:ignore U1000 the handlers in assembly read it
	runtimeEntry uintptr // the Go runtime's handler, for faults
)

// signalPipe keeps the read end open after Close.
//
//lint:ignore U1000 held, not read
var signalPipe *os.File

// entries gives the addresses of the two handlers.
func entries() (plain, fault uintptr)

// sigaction is the kernel's struct on amd64 and arm64.
type sigaction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

func rtSigaction(sig syscall.Signal, set, old *sigaction) error {
	_, _, e := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(sig),
		uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(old)), 8, 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

// isFault says that the processor raises this signal for a bad instruction.
func isFault(sig syscall.Signal) bool {
	switch sig {
	case syscall.SIGILL, syscall.SIGTRAP, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGSEGV, syscall.SIGSYS:
		return true
	}
	return false
}

// leftAlone says that we install no handler: the kernel refuses one, or the
// Go runtime needs its own.
func leftAlone(sig syscall.Signal) bool {
	switch sig {
	case syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGURG, sigThread:
		return true
	}
	return false
}

// installSignals sends every signal into a pipe and gives its read end. With
// stops, SIGCHLD also reports children that stop.
func installSignals(stops bool) (*os.File, error) {
	if pipeFD != 0 {
		return nil, errors.New("cannot take the signals: taken already")
	}
	var fds [2]int
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		return nil, fmt.Errorf("cannot make the signal pipe: %w", err)
	}
	var old sigaction
	if err := rtSigaction(syscall.SIGSEGV, nil, &old); err != nil {
		return nil, fmt.Errorf("cannot read the handler of SIGSEGV: %w", err)
	}
	pipeFD, runtimeEntry = uintptr(fds[1]), old.handler
	plain, fault := entries()
	for n := syscall.Signal(1); n <= maxSignal; n++ {
		if leftAlone(n) {
			continue
		}
		var was sigaction
		if err := rtSigaction(n, nil, &was); err != nil {
			return nil, fmt.Errorf("cannot read the handler of signal %d: %w", n, err)
		}
		if was.handler == sigIgn {
			continue // nohup: it stays ignored, here and in the child
		}
		act := sigaction{handler: plain, flags: old.flags, restorer: old.restorer, mask: ^uint64(0)}
		if isFault(n) {
			act.handler = fault
		}
		if n == syscall.SIGCHLD && !stops {
			act.flags |= saNoCldStop
		}
		if err := rtSigaction(n, &act, nil); err != nil {
			return nil, fmt.Errorf("cannot set the handler of signal %d: %w", n, err)
		}
	}
	return os.NewFile(uintptr(fds[0]), "signals"), nil
}

// readSignals gives every signal to out until the pipe is closed. It never
// leaves signals in the pipe: when out is full, those that the kernel would
// have merged anyway are merged by the reader of out being slow.
func readSignals(r io.Reader, out chan<- Signal, done <-chan struct{}) {
	var b [siginfoSize * 64]byte
	for {
		n, err := r.Read(b[:])
		for i := 0; i+siginfoSize <= n; i += siginfoSize {
			select {
			case out <- decodeSignal(b[i : i+siginfoSize]):
			case <-done:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// decodeSignal reads the first 32 bytes of a siginfo_t.
func decodeSignal(b []byte) Signal {
	return Signal{
		Number: syscall.Signal(binary.NativeEndian.Uint32(b[0:])),
		Code:   int32(binary.NativeEndian.Uint32(b[8:])),
		PID:    int32(binary.NativeEndian.Uint32(b[16:])),
		UID:    binary.NativeEndian.Uint32(b[20:]),
		Value:  binary.NativeEndian.Uint64(b[24:]),
	}
}

// forward passes a signal on to the child as it came: with its value when it
// was queued.
func forward(pid int, s Signal) error {
	if s.Code == codeQueue {
		var info [128]byte
		binary.NativeEndian.PutUint32(info[0:], uint32(s.Number))
		code := s.Code
		binary.NativeEndian.PutUint32(info[8:], uint32(code))
		binary.NativeEndian.PutUint32(info[16:], uint32(s.PID))
		binary.NativeEndian.PutUint32(info[20:], s.UID)
		binary.NativeEndian.PutUint64(info[24:], s.Value)
		_, _, e := syscall.Syscall(syscall.SYS_RT_SIGQUEUEINFO, uintptr(pid), uintptr(s.Number), uintptr(unsafe.Pointer(&info[0])))
		if e == 0 {
			return nil
		}
	}
	return syscall.Kill(pid, s.Number)
}
