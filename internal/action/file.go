package action

import "strings"

// FileAccess says what a call would do to one name or object. Bits.
type FileAccess uint16

// Accesses. A rename is FileMove of the old name and FileCreate of the new
// one, with FileDelete if something stood there.
const (
	FileRead       FileAccess = 1 << iota // its content, or a directory's list
	FileModify                            // its content
	FileAppend                            // with FileModify: behind its end only
	FileCreate                            // the name comes into being
	FileDelete                            // the name, and with it perhaps the object, goes
	FileAttributes                        // mode, owner, times, extended attributes
	FileMove                              // the name is given up for another
	FileLink                              // the object gets another name
)

// FileChange is every access that leaves something different behind.
const FileChange = FileModify | FileCreate | FileDelete | FileAttributes | FileMove | FileLink

// FileOp is one file that a call would touch. A call with two names is two of
// them, asked about one after the other before anything happens.
type FileOp struct {
	Proc      *Process
	Syscall   string
	Access    FileAccess
	Requested string // as the caller wrote it
	Path      string // canonical path of the object, or of the name that would come into being; "" if it has none
	Other     string // rename, link: the canonical path at the other end
	Detail    string // what is asked for, e.g. "mode 0755"
	File      File   // zero: does not exist yet
	FD        int    // O_PATH on the object, owned by intercept, valid during the call; -1: none

	// Slow is called before work that takes long, such as reading the file; nil:
	// nobody waits.
	Slow func()

	// Watch is set by the judge: it wants to hear of success (FileDone).
	Watch bool
	// Note is what the judge found out before and needs after.
	Note any
}

// Dir says that the object is a directory.
func (o *FileOp) Dir() bool {
	const typeMask, directory = 0o170000, 0o040000
	return o.File.Mode&typeMask == directory
}

// Regular says that the object is a regular file.
func (o *FileOp) Regular() bool {
	const typeMask, regular = 0o170000, 0o100000
	return o.File.Mode&typeMask == regular
}

// accessNames are the words of String, by bit.
var accessNames = [...]string{"read", "modify", "append", "create", "delete", "attributes", "move", "link"}

// String joins the names of the accesses with "+".
func (a FileAccess) String() string {
	s := ""
	for i, name := range accessNames {
		if a&(1<<i) != 0 {
			if s != "" {
				s += "+"
			}
			s += name
		}
	}
	return s
}

// ParseFileAccess reads what String wrote; unknown words are left out.
func ParseFileAccess(s string) (a FileAccess) {
	for word := range strings.SplitSeq(s, "+") {
		for i, name := range accessNames {
			if word == name {
				a |= 1 << i
			}
		}
	}
	return a
}
