package action

import "github.com/limpet-security/limpet/internal/workload"

// MapKind says what memory is about to become executable.
type MapKind uint8

// Kinds of memory.
const (
	MapFile      MapKind = iota // pages of a file
	MapAnonymous                // memory without a file
	MapModified                 // a private mapping of a file whose pages were changed in memory
	MapShared                   // a shared segment (shmat)
	MapAll                      // personality(READ_IMPLIES_EXEC): everything from now on
)

// Map is memory that is about to become executable by mmap, mprotect, shmat or
// personality, or that was found so after the call (Late).
type Map struct {
	Proc     *Process
	Kind     MapKind
	Syscall  string
	Writable bool // it is, or stays, writable as well
	// Of MapFile and MapModified:
	Path     string // canonical; "" if it cannot be named
	File     File
	FD       int  // open O_RDONLY on the object, owned by intercept, valid during the call; -1 if it could not be opened
	Fileless bool // as in Exec
	ELF      bool // it begins as a program or library does

	Unverified bool            // the object could not be looked at
	Late       bool            // it is executable already: a denial kills
	Digest     workload.Digest // filled in by the judge
	Origin     Origin          // filled in by the judge
	Waits      func() bool     // the answer is still waited for; nil: it is
}
