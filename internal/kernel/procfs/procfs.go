package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// Bounds of what is read from one file.
const (
	MaxStat    = 1024
	MaxStatus  = 8 << 10
	MaxCmdline = 128 << 10
	MaxMaps    = 256 << 10
	MaxTCP     = 4 << 20
)

// ErrFormat reports a file that does not look as the kernel writes it.
var ErrFormat = errors.New("unexpected format")

// IDs are one line of four ids: real, effective, saved, filesystem.
type IDs struct{ Real, Effective, Saved, FS uint32 }

// Same says that all but the filesystem id are equal: the kernel's condition
// for looking into a task of that id.
func (i IDs) Same() bool { return i.Real == i.Effective && i.Real == i.Saved }

// Status is the part of /proc/TID/status that is used.
type Status struct {
	Name       string
	TGID, PPID int
	UID, GID   IDs
	Tracer     int
}

// Stat is the part of /proc/PID/stat that is used.
type Stat struct {
	Comm      string
	State     byte
	PPID      int
	PGID      int
	Threads   int
	StartTime uint64 // clock ticks since boot
	Executed  bool   // since it was forked
}

// Path gives "/proc/TID/name".
func Path(tid int, name string) string {
	var b [64]byte
	p := append(b[:0], "/proc/"...)
	p = strconv.AppendInt(p, int64(tid), 10)
	p = append(p, '/')
	p = append(p, name...)
	return string(p)
}

// ReadFile reads at most max bytes; cut says that there was more.
func ReadFile(path string, max int) (b []byte, cut bool, err error) {
	return readFile(path, max, false)
}

// readFile with whole set takes a short read for the end, which holds for
// files that the kernel does not cut at a page, such as cmdline.
func readFile(path string, max int, whole bool) (b []byte, cut bool, err error) {
	fd, err := linux.OpenAt(linux.AtFDCWD, path, syscall.O_RDONLY)
	if err != nil {
		return nil, false, fmt.Errorf("cannot open %s: %w", path, err)
	}
	defer linux.Close(fd)
	b = make([]byte, 0, min(max, 4096))
	for {
		if len(b) == cap(b) {
			if cap(b) >= max {
				return b, true, nil
			}
			nb := make([]byte, len(b), min(max, 4*cap(b)))
			copy(nb, b)
			b = nb
		}
		n, err := syscall.Read(fd, b[len(b):cap(b)])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return nil, false, fmt.Errorf("cannot read %s: %w", path, err)
		}
		if n == 0 {
			return b, false, nil
		}
		b = b[:len(b)+n]
		if whole && len(b) < cap(b) {
			return b, false, nil
		}
	}
}

// ReadStatus reads /proc/TID/status.
func ReadStatus(tid int) (Status, error) {
	b, _, err := ReadFile(Path(tid, "status"), MaxStatus)
	if err != nil {
		return Status{}, err
	}
	return ParseStatus(b)
}

// forkNoExec is PF_FORKNOEXEC among a task's flags: every new task has it
// until its first exec.
const forkNoExec = 0x40

// ParseStatus reads the text of a status file. Keys stand at line starts, and
// the kernel escapes newlines in Name, so a name cannot forge a line.
func ParseStatus(b []byte) (Status, error) {
	var s Status
	var seen int
	for len(b) > 0 && seen < 6 {
		line := b
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			line, b = b[:i], b[i+1:]
		} else {
			b = nil
		}
		k, v, ok := bytes.Cut(line, []byte(":\t"))
		if !ok {
			continue
		}
		var err error
		switch string(k) {
		case "Name":
			s.Name = string(v)
		case "Tgid":
			s.TGID, err = strconv.Atoi(string(v))
		case "PPid":
			s.PPID, err = strconv.Atoi(string(v))
		case "TracerPid":
			s.Tracer, err = strconv.Atoi(string(v))
		case "Uid":
			s.UID, err = parseIDs(v)
		case "Gid":
			s.GID, err = parseIDs(v)
		default:
			continue
		}
		if err != nil {
			return Status{}, fmt.Errorf("cannot read field %s of a status file: %w", k, ErrFormat)
		}
		seen++
	}
	if s.TGID == 0 || seen < 6 {
		return Status{}, fmt.Errorf("cannot read a status file: %w", ErrFormat)
	}
	return s, nil
}

func parseIDs(v []byte) (IDs, error) {
	f := bytes.Fields(v)
	if len(f) != 4 {
		return IDs{}, ErrFormat
	}
	var n [4]uint32
	for i := range f {
		u, err := strconv.ParseUint(string(f[i]), 10, 32)
		if err != nil {
			return IDs{}, ErrFormat
		}
		n[i] = uint32(u)
	}
	return IDs{n[0], n[1], n[2], n[3]}, nil
}

// ReadStat reads /proc/TID/stat.
func ReadStat(tid int) (Stat, error) {
	fd, err := linux.OpenAt(linux.AtFDCWD, Path(tid, "stat"), syscall.O_RDONLY)
	if err != nil {
		return Stat{}, fmt.Errorf("cannot open stat of %d: %w", tid, err)
	}
	defer linux.Close(fd)
	var b [MaxStat]byte
	n, err := syscall.Read(fd, b[:])
	if err != nil {
		return Stat{}, fmt.Errorf("cannot read stat of %d: %w", tid, err)
	}
	return ParseStat(b[:n])
}

// Dead says that nothing of a process runs any more. One whose first thread has
// ended is a zombie, too, while its other threads go on.
func (s *Stat) Dead() bool { return s.State == 'X' || s.State == 'Z' && s.Threads <= 1 }

// Living gives a thread of a process that can be looked at: the first, or if that
// has ended another. Of one that has ended there is no program, no memory and no
// descriptor to be seen.
func Living(pid int) int {
	if st, err := ReadStat(pid); err != nil || st.State != 'Z' || st.Threads <= 1 {
		return pid
	}
	names, _ := os.ReadDir(Path(pid, "task"))
	for _, n := range names {
		if tid, err := strconv.Atoi(n.Name()); err == nil && tid != pid {
			if st, err := ReadStat(tid); err == nil && st.State != 'Z' && st.State != 'X' {
				return tid
			}
		}
	}
	return pid
}

// ParseStat reads the text of a stat file. The comm lies between the first
// "(" and the last ")".
func ParseStat(b []byte) (Stat, error) {
	i, j := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if i < 0 || j < i || len(b) < j+4 {
		return Stat{}, fmt.Errorf("cannot read a stat file: %w", ErrFormat)
	}
	s := Stat{Comm: string(b[i+1 : j]), State: b[j+2]}
	var f [19][]byte // from the parent's id to the time of start
	rest := b[j+3:]
	for k := range f {
		if f[k], rest = nextField(rest); len(f[k]) == 0 {
			return Stat{}, fmt.Errorf("cannot read a stat file: %w", ErrFormat)
		}
	}
	var e1, e2, e3, e4 error
	s.PPID, e1 = strconv.Atoi(string(f[0]))
	s.PGID, e2 = strconv.Atoi(string(f[1]))
	s.Threads, e3 = strconv.Atoi(string(f[16]))
	s.StartTime, e4 = strconv.ParseUint(string(f[18]), 10, 64)
	flags, e5 := strconv.ParseUint(string(f[5]), 10, 64)
	s.Executed = flags&forkNoExec == 0
	if err := errors.Join(e1, e2, e3, e4, e5); err != nil {
		return Stat{}, fmt.Errorf("cannot read a stat file: %w", ErrFormat)
	}
	return s, nil
}

// nextField cuts a field off a line of fields with blanks between them; empty:
// there is none.
func nextField(b []byte) (field, rest []byte) {
	b = bytes.TrimLeft(b, " \n")
	if i := bytes.IndexAny(b, " \n"); i >= 0 {
		return b[:i], b[i:]
	}
	return b, nil
}

// Cmdline reads the arguments of a process, at most max of them and maxBytes
// bytes; cut says that there were more.
func Cmdline(pid, max, maxBytes int) (args []string, cut bool, err error) {
	b, cut, err := readFile(Path(pid, "cmdline"), maxBytes, true)
	if err != nil {
		return nil, false, err
	}
	for len(b) > 0 {
		if len(args) == max {
			return args, true, nil
		}
		i := bytes.IndexByte(b, 0)
		if i < 0 {
			return append(args, string(b)), cut, nil
		}
		args = append(args, string(b[:i]))
		b = b[i+1:]
	}
	return args, cut, nil
}

// Terminal gives the controlling terminal of a process (0: none), as the
// kernel numbers devices, and its session.
func Terminal(pid int) (tty, session int, err error) {
	b, _, err := ReadFile(Path(pid, "stat"), MaxStat)
	if err != nil {
		return 0, 0, err
	}
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) < 5 {
		return 0, 0, fmt.Errorf("cannot read a stat file: %w", ErrFormat)
	}
	session, e1 := strconv.Atoi(string(f[3]))
	tty, e2 := strconv.Atoi(string(f[4]))
	if err := errors.Join(e1, e2); err != nil {
		return 0, 0, fmt.Errorf("cannot read a stat file: %w", ErrFormat)
	}
	return tty, session, nil
}
