package enforcer

import (
	"bytes"
	"os"
	"strconv"
	"sync"

	"github.com/limpet-security/limpet/internal/workload"
)

// MaxAncestors is how far up an event's lineage goes.
const MaxAncestors = 16

// maxPrograms bounds how many running programs are remembered.
const maxPrograms = 4096

// program is what was started in a process: known from its exec, because
// reading the arguments of a live process (/proc/PID/cmdline) touches its
// memory and can be made to block.
type program struct {
	at     uint64 // ticks since boot: its process had started by then, and has not ended since
	exe    string
	args   []string // redacted
	cut    bool
	digest workload.Digest
}

// lineage knows the programs of the workload's processes and who started
// whom. /proc is asked only for what cannot block: stat, the exe link, and the
// owner of the entry.
type lineage struct {
	proc string // "/proc"
	self int    // where a lineage ends: our own pid

	mu       sync.Mutex
	programs map[int]program
	order    []int // ring of pids in the order they were learned
	next     int
}

func newLineage(proc string, self int) *lineage {
	return &lineage{proc: proc, self: self, programs: make(map[int]program)}
}

// learn remembers what a process runs from now on.
func (l *lineage) learn(pid int, p program) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.programs[pid]; !known {
		if len(l.order) < maxPrograms {
			l.order = append(l.order, pid)
		} else {
			delete(l.programs, l.order[l.next])
			l.order[l.next] = pid
			l.next = (l.next + 1) % maxPrograms
		}
	}
	l.programs[pid] = p
}

// program gives what pid runs, if its exec was seen. A process of the same id
// that started after that exec is another one.
func (l *lineage) program(pid int, start uint64) (program, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, ok := l.programs[pid]
	return p, ok && start <= p.at
}

// ancestor is one process above another.
type ancestor struct {
	pid, ppid int
	start     uint64
	comm, exe string
	uid, gid  uint32
	program
}

// above lists the ancestors of a process, parent first, down to but without
// the enforcer. What a race with an exiting parent hides is left out.
func (l *lineage) above(ppid int) []ancestor {
	var out []ancestor
	for pid := ppid; pid > 0 && pid != l.self && len(out) < MaxAncestors; {
		a, ok := l.read(pid)
		if !ok {
			break
		}
		if p, ok := l.program(pid, a.start); ok {
			a.program = p
			if a.exe == "" {
				a.exe = p.exe
			}
		}
		out = append(out, a)
		pid = a.ppid
	}
	return out
}

// read asks /proc about one process.
func (l *lineage) read(pid int) (ancestor, bool) {
	dir := l.proc + "/" + strconv.Itoa(pid)
	a := ancestor{pid: pid}
	b, err := os.ReadFile(dir + "/stat")
	if err != nil || !a.parseStat(b) {
		return a, false
	}
	a.exe, _ = os.Readlink(dir + "/exe")
	if b, err := os.ReadFile(dir + "/status"); err == nil {
		a.uid, a.gid = effectiveIDs(b)
	}
	return a, true
}

// parseStat reads comm, ppid and start time out of /proc/PID/stat, whose comm
// may itself hold parentheses and spaces.
func (a *ancestor) parseStat(b []byte) bool {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return false
	}
	a.comm = string(b[open+1 : end])
	f := bytes.Fields(b[end+1:])
	if len(f) < 20 {
		return false
	}
	var err error
	if a.ppid, err = strconv.Atoi(string(f[1])); err != nil {
		return false
	}
	a.start, err = strconv.ParseUint(string(f[19]), 10, 64)
	return err == nil
}

// effectiveIDs reads the second number of the Uid and Gid lines of
// /proc/PID/status.
func effectiveIDs(b []byte) (uid, gid uint32) {
	for line := range bytes.Lines(b) {
		f := bytes.Fields(line)
		if len(f) < 3 {
			continue
		}
		n, err := strconv.ParseUint(string(f[2]), 10, 32)
		if err != nil {
			continue
		}
		switch string(f[0]) {
		case "Uid:":
			uid = uint32(n)
		case "Gid:":
			return uid, uint32(n)
		}
	}
	return uid, gid
}
