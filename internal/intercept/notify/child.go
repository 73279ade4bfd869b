package notify

import (
	"encoding/json"
	"io"
	"os"
	"runtime"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/landlock"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// childName is argv[0] of the helper that becomes the first supervised process.
const childName = "limpet-child"

// The helper's descriptors.
const (
	childSock  = 3
	childOrder = 4
)

// What the helper says, first byte of a message; the second is an errno.
const (
	stepListener = 'L' // with the listener
	stepOrder    = 'o'
	stepCaps     = 'c'
	stepNNP      = 'n'
	stepGate     = 'g'
	stepFilter   = 'f'
	stepExec     = 'x'
)

var steps = map[byte]string{
	stepOrder:  "read the child's order",
	stepCaps:   "drop capabilities",
	stepNNP:    "set no_new_privs",
	stepGate:   "enter the network domain",
	stepFilter: "install the filter",
	stepExec:   "start the command",
}

// ChildMain must be the first call of every main that uses Start: in the
// helper process it sets the filter and becomes the command, and does not
// return; elsewhere it does nothing.
func ChildMain() {
	if len(os.Args) != 1 || os.Args[0] != childName {
		return
	}
	runtime.LockOSThread()
	syscall.CloseOnExec(childSock)
	step, err := becomeCommand()
	e, ok := err.(syscall.Errno)
	if !ok {
		e = syscall.EINVAL
	}
	_, _ = syscall.Write(childSock, []byte{step, byte(e)})
	os.Exit(127)
}

type listening struct {
	fd       int
	killable byte
}

func becomeCommand() (step byte, err error) {
	f := os.NewFile(childOrder, "order")
	b, err := io.ReadAll(f)
	f.Close()
	if err != nil {
		return stepOrder, err
	}
	var o order
	if err := json.Unmarshal(b, &o); err != nil {
		return stepOrder, err
	}
	for _, c := range o.DropCaps {
		// Without CAP_SETPCAP the bounding set cannot shrink; the process's
		// own sets can, and no_new_privs keeps an exec from growing them
		// unless it is root's.
		_ = linux.DropBounding(c)
		if err := linux.DropCapability(c); err != nil {
			return stepCaps, err
		}
	}
	// The filter binds this thread alone until the exec replaces the process,
	// so another thread can still send the listener away.
	ask, told := make(chan listening), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		l := <-ask
		_ = syscall.Sendmsg(childSock, []byte{stepListener, l.killable}, syscall.UnixRights(l.fd), nil, 0)
		close(told)
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
		return stepFilter, err
	}
	l := listening{fd: fd}
	if o.Flags&linux.FilterKillable != 0 {
		l.killable = 1
	}
	ask <- l
	<-told
	err = syscall.Exec(o.Path, o.Args, o.Env)
	return stepExec, err
}
