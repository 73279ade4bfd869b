package action

import "github.com/limpet-security/limpet/internal/workload"

// RefKind says how a program is made to run or load another file.
type RefKind uint8

// Kinds of references.
const (
	RefLoader      RefKind = iota // ld.so FILE
	RefApplet                     // a multi-call program (busybox) asked to be another
	RefWrapper                    // env, timeout, xargs ... COMMAND
	RefScript                     // a file that an interpreter is given
	RefCode                       // code in an argument, or read from a pipe or a socket
	RefPreload                    // LD_PRELOAD, ld.so --preload, /etc/ld.so.preload
	RefAudit                      // LD_AUDIT, ld.so --audit
	RefLibraryPath                // an object in a folder of LD_LIBRARY_PATH or ld.so --library-path
	RefLinker                     // the dynamic loader that the kernel mapped beside the program (at the exec stop)
	RefTruncated                  // the arguments were longer than what was copied
)

// Ref is a file or a piece of code that arguments or environment of an Exec
// name, beside the program itself.
type Ref struct {
	Kind    RefKind
	Name    string // as it was written: a file, a command, an applet; not the code
	Via     string // what named it: "-c", "LD_PRELOAD", "argument", "standard input"
	Path    string // canonical path of the object; "" if there is none
	File    File
	FD      int             // open O_RDONLY on the object, owned by intercept, valid during the call; -1 if none
	Program bool            // it has an execute bit or starts with "#!"
	Unseen  bool            // it could not be looked at, and the program perhaps can
	Digest  workload.Digest // filled in by the judge
	Origin  Origin          // filled in by the judge
}

// MaxRefs bounds the references of one Exec.
const MaxRefs = 64

// IDs are all ids of a task.
type IDs struct {
	UIDs, GIDs [4]uint32 // real, effective, saved, file system
	Groups     []uint32  // supplementary
}
