package intercept

import "github.com/limpet-security/limpet/internal/action"

// Care says how much depends on the answer to a question.
type Care uint8

// Cares, least first.
const (
	Ignored Care = iota // nobody asks
	Watched             // what happens is reported and let happen
	Decided             // some answer may be no
)

// FileCare says what a policy looks at.
type FileCare struct {
	Reads   Care // opens for reading
	Changes Care // everything else
	Memory  Care // opens for writing of a process's memory, or of what leads into the kernel
}

// FileJudge is a Judge that has a say about files. A Judge that is none lets
// every call on files happen unseen.
type FileJudge interface {
	// FileCare is asked first, on every call: it must cost nothing. Where a
	// class is Watched, the call is carried out by the kernel after File was
	// asked, whatever the answer; a caller that races its own memory can then
	// make the report be about another file than the one that was used. Where
	// it is Decided, the very object that File was asked about is used.
	FileCare() FileCare
	File(*action.FileOp) Answer
	// FileDone is told of an operation that succeeded if File set its Watch.
	FileDone(*action.FileOp)
}
