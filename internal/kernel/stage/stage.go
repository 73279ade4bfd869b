package stage

import (
	"encoding/json"
	"io"
	"os"
	"runtime"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/landlock"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// Name is argv[0] of the helper that becomes the first supervised process.
const Name = "limpet-child"

// Order is what the helper is told, as JSON.
type Order struct {
	Path     string             `json:"path"`
	Args     []string           `json:"args"`
	Env      []string           `json:"env"`
	Filter   []linux.SockFilter `json:"filter"`
	Flags    uintptr            `json:"flags"`    // of the filter; FilterKillable is dropped where the kernel has none
	DropCaps []int              `json:"dropCaps"` // removed from the process and its bounding set
	Scope    bool               `json:"scope"`    // confine signals by Landlock where the kernel can
	Gate     bool               `json:"gate"`     // TCP connects are the supervisor's alone
}

// The helper's descriptors.
const (
	sock  = 3
	order = 4
)

// What the helper says, first byte of a two-byte message. After StepListener
// the second byte is 1 if the filter waits killable; else it is an errno.
const (
	StepListener = 'L' // with the listener
	stepOrder    = 'o'
	stepCaps     = 'c'
	stepNNP      = 'n'
	stepGate     = 'g'
	stepFilter   = 'f'
	stepExec     = 'x'
)

// Steps names what failed, for error messages.
var Steps = map[byte]string{
	stepOrder:  "read the child's order",
	stepCaps:   "drop capabilities",
	stepNNP:    "set no_new_privs",
	stepGate:   "enter the network domain",
	stepFilter: "install the filter",
	stepExec:   "start the command",
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

func become() (step byte, err error) {
	f := os.NewFile(order, "order")
	b, err := io.ReadAll(f)
	f.Close()
	if err != nil {
		return stepOrder, err
	}
	var o Order
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
		_ = syscall.Sendmsg(sock, []byte{StepListener, l.killable}, syscall.UnixRights(l.fd), nil, 0)
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
