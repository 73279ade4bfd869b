package procfs

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// Table lists the processes of a pid namespace again and again, cheaply.
type Table struct {
	dir, load int
	real      bool // load is the kernel's own file: lxcfs lays over it what is seconds old
	buf       []byte
}

// OpenTable opens /proc.
func OpenTable() (*Table, error) {
	dir, err := linux.OpenAt(linux.AtFDCWD, "/proc", syscall.O_RDONLY|syscall.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	load, err := linux.OpenAt(dir, "loadavg", syscall.O_RDONLY)
	if err != nil {
		load = -1 // a /proc with processes only
	}
	m, err := linux.FsMagic(load)
	return &Table{dir: dir, load: load, real: err == nil && m == linux.ProcMagic, buf: make([]byte, 32<<10)}, nil
}

// Close closes it.
func (t *Table) Close() {
	linux.Close(t.dir)
	if t.load >= 0 {
		linux.Close(t.load)
	}
}

// Last gives the id that was given to a task most recently in this pid
// namespace (the last field of /proc/loadavg); 0: not known. As long as it does
// not change there is no new process.
func (t *Table) Last() int {
	last, _ := t.loadavg()
	return last
}

// Tasks gives the number of tasks of the whole machine, which is never less
// than that of a part of it; 0: not known. It costs one read.
func (t *Table) Tasks() int {
	if !t.real {
		return 0
	}
	_, tasks := t.loadavg()
	return tasks
}

func (t *Table) loadavg() (last, tasks int) {
	var b [128]byte
	if t.load < 0 {
		return 0, 0
	}
	n := linux.PreadNow(t.load, b[:])
	return parseLoadavg(b[:max(n, 0)])
}

// parseLoadavg reads "0.20 0.18 0.12 1/80 11206": the last pid, and behind the
// stroke the number of tasks. What it cannot read is 0.
func parseLoadavg(b []byte) (last, tasks int) {
	line := bytes.TrimSpace(b)
	at := bytes.LastIndexByte(line, ' ')
	if at < 0 {
		return 0, 0
	}
	if last, _ = strconv.Atoi(string(line[at+1:])); last < 0 {
		last = 0
	}
	_, of, ok := bytes.Cut(line[:at], []byte("/"))
	if tasks, _ = strconv.Atoi(string(of)); !ok || tasks < 0 {
		tasks = 0
	}
	return last, tasks
}

// Pids appends every process id to into, at most MaxProcesses.
func (t *Table) Pids(into []int) ([]int, error) {
	if _, err := syscall.Seek(t.dir, 0, 0); err != nil {
		return into, err
	}
	for len(into) < MaxProcesses {
		n, err := syscall.ReadDirent(t.dir, t.buf)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return into, err
		}
		into = parseDirents(t.buf[:n], into)
	}
	return into, nil
}

// parseDirents appends the names of linux_dirent64 records that are numbers:
// inode 8, offset 8, length 2, type 1, name with a NUL.
func parseDirents(b []byte, into []int) []int {
	const head = 19
	for len(b) > head {
		size := int(binary.NativeEndian.Uint16(b[16:]))
		if size <= head || size > len(b) {
			break
		}
		pid := 0
		for _, c := range b[head:size] {
			if c < '0' || c > '9' || pid > 1<<26 {
				if c != 0 {
					pid = 0
				}
				break
			}
			pid = pid*10 + int(c-'0')
		}
		if pid > 0 {
			into = append(into, pid)
		}
		b = b[size:]
	}
	return into
}

// Confinement is what /proc/PID/status says about what a process is bound by.
type Confinement struct {
	Bounding uint64 // capability bounding set
	Filters  int    // seccomp filters, -1: the kernel does not say (before 5.9)
}

// ReadConfinement reads it.
func ReadConfinement(pid int) (Confinement, error) {
	b, _, err := ReadFile(Path(pid, "status"), MaxStatus)
	if err != nil {
		return Confinement{}, err
	}
	return parseConfinement(b), nil
}

func parseConfinement(b []byte) Confinement {
	c := Confinement{Filters: -1}
	for line := range bytes.Lines(b) {
		k, v, _ := bytes.Cut(line, []byte(":\t"))
		v = bytes.TrimSpace(v)
		switch string(k) {
		case "CapBnd":
			c.Bounding, _ = strconv.ParseUint(string(v), 16, 64)
		case "Seccomp_filters":
			if n, err := strconv.Atoi(string(v)); err == nil {
				c.Filters = n
			}
		}
	}
	return c
}

// Cgroups reads the cgroups of a process as its reader sees them. Everybody
// may read them.
func Cgroups(pid int) (string, error) {
	b, _, err := ReadFile(Path(pid, "cgroup"), MaxStatus)
	return string(b), err
}

// SessionOf gives the id of a process's session (field 6 of its stat).
func SessionOf(pid int) int {
	b, _, err := ReadFile(Path(pid, "stat"), MaxStat)
	if err != nil {
		return 0
	}
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) < 4 {
		return 0
	}
	n, _ := strconv.Atoi(string(f[3]))
	return n
}

// ReadIdentity reads the status of a process and its supplementary groups.
func ReadIdentity(pid int) (Status, []uint32, error) {
	b, _, err := ReadFile(Path(pid, "status"), MaxStatus)
	if err != nil {
		return Status{}, nil, err
	}
	st, err := ParseStatus(b)
	if err != nil {
		return Status{}, nil, err
	}
	groups, err := ParseGroups(b)
	return st, groups, err
}
