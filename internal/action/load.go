package action

// Load is how a process works the processor, as looking at it for a while
// shows.
type Load struct {
	Proc      *Process
	Args      []string // as it shows them now
	Threads   int      // that want the processor nearly all the time
	Pinned    int      // of those, bound to one processor out of several
	HugePages uint64   // bytes
	Code      uint64   // bytes of anonymous executable memory
	Dataset   bool     // memory of the size that RandomX works on
	Seconds   int      // for how long it has been so
}
