package intercept

import (
	"syscall"

	"github.com/limpet-security/limpet/internal/action"
)

// Answer is what becomes of a stopped call. The zero value lets it happen.
type Answer struct {
	Errno syscall.Errno // not 0: the call fails with it and has no effect
	Kill  bool          // the calling process (thread group) is killed with SIGKILL
}

// Allow is the zero Answer.
var Allow = Answer{}

// Judge decides. Its methods are called from the thread that holds the
// stopped task: they must not block on the network or on a lock that an
// application can hold, and may be called from several threads at once.
// Values that are passed are valid until the method returns.
type Judge interface {
	Wants() Wants
	// Exec is asked when execve is entered. Allowing here is provisional:
	// ExecStarted decides about what was really mapped.
	Exec(*action.Exec) Answer
	// ExecStarted is asked at the exec stop, with File, Path and FD of what
	// was really mapped. An Answer with Errno or Kill ends the process before
	// its first instruction.
	ExecStarted(*action.Exec) Answer
	Socket(*action.Socket) Answer
	Connect(*action.Connect) Answer
	Fork(*action.Fork) Answer
	Privilege(*action.Privilege) Answer
	// Map is asked about memory that becomes executable. MapKnown says that
	// a file may be mapped executable and read-only by everybody, so that Map
	// need not be asked.
	Map(*action.Map) Answer
	MapKnown(action.File) bool
	// Listed says that Call must be asked about a system call, by its number,
	// beside whatever else is asked about it.
	Listed(nr int) bool
	Call(c *action.Call, nr int) Answer
	// Tamper reports an attempt against the supervisor; the mechanism has
	// already denied it whatever the policy says.
	Tamper(*action.Tamper)
}
