package procfs

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// VMA is one mapping of a process.
type VMA struct {
	Start, End               uint64
	Read, Write, Exec, Share bool
	Offset                   uint64
	Major, Minor             uint32
	Ino                      uint64
	Name                     string // path, "[heap]", "//anon" ...; a path may end in " (deleted)"
}

// MaxVMAs bounds how many mappings VMAs gives.
const MaxVMAs = 4096

// noQuery remembers that the kernel has no PROCMAP_QUERY (before Linux 6.11).
var noQuery atomic.Bool

// VMAs gives the mappings of fd, an open /proc/PID/maps, that overlap
// [from, to), lowest first; an error if there are more than MaxVMAs.
func VMAs(fd int, from, to uint64) (out []VMA, err error) {
	if e := EachVMA(fd, from, to, func(v *VMA) bool {
		if len(out) == MaxVMAs {
			err = fmt.Errorf("cannot read mappings: more than %d", MaxVMAs)
			return false
		}
		out = append(out, *v)
		return true
	}); e != nil {
		return nil, e
	}
	return out, err
}

// EachVMA is VMAs for as many as there are, until each says false.
func EachVMA(fd int, from, to uint64, each func(*VMA) bool) error {
	if !noQuery.Load() {
		err := queryVMAs(fd, from, to, each)
		if err != syscall.ENOTTY && err != syscall.EINVAL && err != syscall.ENOSYS && err != syscall.EPERM {
			return err
		}
		noQuery.Store(true)
	}
	b := make([]byte, 64<<10)
	held := 0 // of a line that is not complete
	for off := int64(0); ; {
		n, err := linux.Pread(fd, b[held:], off)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("cannot read mappings: %w", err)
		}
		if n <= 0 {
			return nil
		}
		off += int64(n)
		text := b[:held+n]
		for {
			i := bytes.IndexByte(text, '\n')
			if i < 0 {
				break
			}
			v, ok := parseVMA(string(text[:i]))
			if !ok {
				return fmt.Errorf("cannot read mappings: %w", ErrFormat)
			}
			if text = text[i+1:]; v.End > from && v.Start < to && !each(&v) || v.Start >= to {
				return nil
			}
		}
		if held = copy(b, text); held == len(b) {
			return fmt.Errorf("cannot read mappings: %w", ErrFormat)
		}
	}
}

// parseVMA reads "55d0-55d4 r-xp 00002000 fe:00 1234   /usr/bin/x".
func parseVMA(s string) (v VMA, ok bool) {
	addr, rest, ok1 := strings.Cut(s, " ")
	perms, rest, ok2 := strings.Cut(rest, " ")
	off, rest, ok3 := strings.Cut(rest, " ")
	dev, rest, ok4 := strings.Cut(rest, " ")
	ino, name, _ := strings.Cut(rest, " ")
	lo, hi, ok5 := strings.Cut(addr, "-")
	maj, min, ok6 := strings.Cut(dev, ":")
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || len(perms) != 4 {
		return v, false
	}
	var bad bool
	hex := func(s string, bits int) uint64 {
		n, err := strconv.ParseUint(s, 16, bits)
		bad = bad || err != nil
		return n
	}
	v.Start, v.End, v.Offset = hex(lo, 64), hex(hi, 64), hex(off, 64)
	v.Major, v.Minor = uint32(hex(maj, 32)), uint32(hex(min, 32))
	n, err := strconv.ParseUint(ino, 10, 64)
	v.Ino, v.Name = n, strings.TrimLeft(name, " ")
	v.Read, v.Write, v.Exec, v.Share = perms[0] == 'r', perms[1] == 'w', perms[2] == 'x', perms[3] == 's'
	return v, !bad && err == nil
}

// procmapQuery is struct procmap_query.
type procmapQuery struct {
	size, flags, addr                           uint64
	start, end, vmaFlags, pageSize, offset, ino uint64
	major, minor, nameSize, buildSize           uint32
	nameAddr, buildAddr                         uint64
}

const (
	ioctlProcmapQuery = 0xc0686611
	coveringOrNext    = 0x10
)

// names are buffers that do not move: queries hold their addresses as numbers.
var names = sync.Pool{New: func() any { return new([4096]byte) }}

func queryVMAs(fd int, from, to uint64, each func(*VMA) bool) error {
	name := names.Get().(*[4096]byte)
	defer names.Put(name)
	for at := from; at < to; {
		q := procmapQuery{flags: coveringOrNext, addr: at, nameSize: uint32(len(name)), nameAddr: uint64(uintptr(unsafe.Pointer(&name[0])))}
		q.size = uint64(unsafe.Sizeof(q))
	again:
		_, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), ioctlProcmapQuery, uintptr(unsafe.Pointer(&q)))
		switch {
		case e == syscall.ENAMETOOLONG && q.nameSize > 0: // deeper than a name can say
			q.nameSize, q.nameAddr = 0, 0
			goto again
		case e == syscall.ENOENT || e == 0 && q.start >= to:
			return nil
		case e != 0:
			return e
		}
		v := VMA{Start: q.start, End: q.end, Read: q.vmaFlags&1 != 0, Write: q.vmaFlags&2 != 0, Exec: q.vmaFlags&4 != 0, Share: q.vmaFlags&8 != 0,
			Offset: q.offset, Ino: q.ino, Major: q.major, Minor: q.minor}
		if n := int(q.nameSize); n > 1 && n <= len(name) {
			v.Name = string(name[:n-1])
		}
		if !each(&v) {
			return nil
		}
		at = q.end
	}
	return nil
}
