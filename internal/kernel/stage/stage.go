package stage

import (
	"io"
	"os"
	"runtime"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/landlock"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// Name is argv[0] of the helper that becomes the first supervised process.
const Name = "limpet-child"

// The helper's descriptors.
const (
	sock  = 3
	order = 4
)

// What the helper says, first byte of a two-byte message. After StepListener
// the second byte is 1 if the filter waits killable; else it is an errno.
const (
	StepListener = 'L' // with the listener
	given        = 'G' // from the supervisor: the order is complete
	stepOrder    = 'o'
	stepDir      = 'd'
	stepCaps     = 'c'
	stepNNP      = 'n'
	stepGate     = 'g'
	StepFilter   = 'f'
	stepExec     = 'x'
)

// ExecStep is the one step that can fail because of the command itself.
const ExecStep = "start the command"

// Steps names what failed, for error messages.
var Steps = map[byte]string{
	stepOrder:  "read the child's order",
	stepDir:    "enter the working directory",
	stepCaps:   "drop capabilities",
	stepNNP:    "set no_new_privs",
	stepGate:   "enter the network domain",
	StepFilter: "install the filter",
	stepExec:   ExecStep,
}

func init() { Main() }

// Main becomes the command and does not return if this process is the helper;
// else it does nothing. It has run before any main.
func Main() {
	if len(os.Args) != 1 || os.Args[0] != Name {
		return
	}
	runtime.LockOSThread()
	syscall.CloseOnExec(sock)
	if !told() {
		os.Exit(0)
	}
	step, err := become()
	e, ok := err.(syscall.Errno)
	if !ok {
		e = syscall.EINVAL
	}
	_, _ = syscall.Write(sock, []byte{step, byte(e)})
	os.Exit(127)
}

type listening struct {
	fd       int
	killable byte
}

// told waits for the word that the order is complete; false: it will not come.
func told() bool {
	var b [1]byte
	for {
		n, err := syscall.Read(sock, b[:])
		if err != syscall.EINTR {
			return err == nil && n == 1 && b[0] == given
		}
	}
}

func become() (step byte, err error) {
	f := os.NewFile(order, "order")
	b, err := io.ReadAll(io.NewSectionReader(f, 0, maxOrder))
	f.Close()
	if err != nil {
		return stepOrder, err
	}
	var o Order
	if err := o.decode(b); err != nil {
		return stepOrder, err
	}
	if o.Dir != "" {
		if err := syscall.Chdir(o.Dir); err != nil {
			return stepDir, err
		}
	}
	syscall.Umask(o.Umask)
	for _, c := range o.DropCaps {
		// Without CAP_SETPCAP the bounding set cannot shrink; the process's
		// own sets can, and no_new_privs keeps an exec from growing them
		// unless it is root's.
		_ = linux.DropBounding(c)
		if err := linux.DropCapability(c); err != nil {
			return stepCaps, err
		}
	}
	if o.Traced {
		return becomeTraced(&o)
	}
	// The filter binds this thread alone until the exec replaces the process,
	// so another thread can still send the listener away.
	ask, sent := make(chan listening), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		l := <-ask
		_ = syscall.Sendmsg(sock, []byte{StepListener, l.killable}, syscall.UnixRights(l.fd), nil, 0)
		close(sent)
	}()
	runtime.Gosched()
	if err := linux.SetNoNewPrivs(); err != nil {
		return stepNNP, err
	}
	if o.Scope {
		_ = landlock.ScopeSignals() // where the kernel has it; the filter covers the rest
	}
	if o.Gate {
		if err := linux.DenyOwnTCPConnect(); err != nil {
			return stepGate, err
		}
	}
	fd, err := linux.InstallFilter(o.Filter, o.Flags)
	if err == syscall.EINVAL && o.Flags&linux.FilterKillable != 0 {
		o.Flags &^= linux.FilterKillable // before Linux 5.19
		fd, err = linux.InstallFilter(o.Filter, o.Flags)
	}
	if err != nil {
		return StepFilter, err
	}
	l := listening{fd: fd}
	if o.Flags&linux.FilterKillable != 0 {
		l.killable = 1
	}
	ask <- l
	<-sent
	err = syscall.Exec(o.Path, o.Args, o.Env)
	return stepExec, err
}
