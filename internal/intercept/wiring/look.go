package wiring

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// As runs fn with the right to look into a process. fn may be run twice.
type As func(pid int, fn func() error) error

// At looks at all processes but our own.
func At(as As) *Look {
	l := &Look{as: as, holders: make(map[string][]hold), links: make(map[hold]string), inet: make(map[string]netip.AddrPort), owned: make(map[int][]hold)}
	l.sockets()
	table, err := procfs.OpenTable()
	if err != nil {
		return l
	}
	defer table.Close()
	pids, _ := table.Pids(nil)
	buf := make([]byte, 16<<10)
	for _, pid := range pids {
		if pid != os.Getpid() && len(l.links) < maxEnds {
			_ = as(pid, func() error { return l.process(pid, buf) })
		}
	}
	return l
}

// process reads the descriptors of one process: of its first thread, and of
// those that do not share them with it, or go on without it.
func (l *Look) process(pid int, buf []byte) error {
	err := l.descriptors(pid, pid, buf)
	var st linux.Stat
	if linux.StatAt(linux.AtFDCWD, procfs.Path(pid, "task"), &st, 0) != nil || st.Nlink <= 3 { // ., .. and one thread
		return err
	}
	tables := []int{pid}
	if e := each(procfs.Path(pid, "task"), make([]byte, 4<<10), func(_, tid int) error {
		if slices.ContainsFunc(tables, func(t int) bool { return sameTable(t, tid) }) {
			return nil
		}
		if len(tables) < maxTables {
			tables = append(tables, tid)
		}
		return l.descriptors(pid, tid, buf)
	}); err == nil {
		err = e
	}
	return err
}

// maxTables bounds with how many a thread's is compared.
const maxTables = 16

// sameTable says that two tasks share their descriptors. Where the kernel does
// not tell (Docker's profile keeps kcmp for who may trace), false.
func sameTable(a, b int) bool {
	const files = 2 // KCMP_FILES
	n, _, e := syscall.RawSyscall6(unix.SYS_KCMP, uintptr(a), uintptr(b), files, 0, 0, 0)
	return a == b || e == 0 && n == 0
}

// descriptors reads those of one thread.
func (l *Look) descriptors(pid, tid int, buf []byte) error {
	return each(procfs.Path(tid, "fd"), buf, func(dir, fd int) error {
		if len(l.links) >= maxEnds {
			return nil
		}
		switch link, err := linux.ReadlinkAt(dir, itoa(fd)); err {
		case nil:
			if tid == pid || l.links[hold{pid, pid, fd}] != link {
				l.add(hold{pid, tid, fd}, link)
			}
		case syscall.EACCES, syscall.EPERM:
			return err // root may list them, and not look at them
		}
		return nil
	})
}

// each goes through the numbers among the names in a folder.
func each(path string, buf []byte, fn func(dir, n int) error) error {
	dir, err := linux.OpenAt(linux.AtFDCWD, path, syscall.O_RDONLY|syscall.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer linux.Close(dir)
	for {
		n, err := syscall.ReadDirent(dir, buf)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return err
		}
		for _, name := range numbers(buf[:n]) {
			if err := fn(dir, name); err != nil {
				return err
			}
		}
	}
}

func (l *Look) add(h hold, link string) {
	switch {
	case strings.HasSuffix(link, "/ptmx"):
		n, ok := terminal(h)
		if !ok {
			return
		}
		link = "master:" + n
	case strings.HasPrefix(link, "socket:["):
		if _, ok := l.inet[link]; ok {
			l.owned[h.pid] = append(l.owned[h.pid], h)
		}
	case !strings.HasPrefix(link, "pipe:[") && !strings.HasPrefix(link, "/"), link == "/dev/null":
		return
	}
	if _, known := l.links[h]; known {
		return // looked at twice
	}
	l.links[h] = link
	l.holders[link] = append(l.holders[link], h)
}

// terminal gives the number of the terminal whose master a descriptor is.
func terminal(h hold) (string, bool) {
	b, _, err := procfs.ReadFile(procfs.Path(h.tid, "fdinfo/"+itoa(h.fd)), 1024)
	if err != nil {
		return "", false
	}
	_, rest, ok := bytes.Cut(b, []byte("tty-index:\t"))
	n, _, _ := bytes.Cut(rest, []byte{'\n'})
	return string(n), ok
}

// numbers gives the names of linux_dirent64 records that are numbers: inode 8,
// offset 8, length 2, type 1, name with a NUL.
func numbers(b []byte) (out []int) {
	const head = 19
	for len(b) > head {
		size := int(binary.NativeEndian.Uint16(b[16:]))
		if size <= head || size > len(b) {
			break
		}
		name, _, _ := bytes.Cut(b[head:size], []byte{0})
		if n, err := strconv.Atoi(string(name)); err == nil && n >= 0 {
			out = append(out, n)
		}
		b = b[size:]
	}
	return out
}

// sockets lists the connected INET sockets of our network.
func (l *Look) sockets() {
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		b, _, err := procfs.ReadFile("/proc/self/net/"+table, procfs.MaxTCP)
		if err == nil {
			l.table(b, table[0] == 'u')
		}
	}
}

// table reads the text of /proc/net/{tcp,udp}{,6}: columns 2 (remote), 3
// (state) and 9 (inode). 0A is LISTEN, 07 CLOSE (for UDP: not connected).
func (l *Look) table(b []byte, udp bool) {
	for line := range bytes.Lines(b) {
		f := bytes.Fields(line)
		if len(f) < 10 || string(f[3]) == "0A" || string(f[3]) == "07" || string(f[9]) == "0" {
			continue
		}
		peer, ok := Peer(string(f[2]))
		// A question to a name server is no connection. Ours on loopback stands
		// for one.
		if !ok || peer.Port() == 0 || udp && (peer.Port() == 53 || peer.Addr().IsLoopback()) {
			continue
		}
		if len(l.inet) < maxEnds {
			l.inet["socket:["+string(f[9])+"]"] = peer
		}
	}
}

// Peer reads "0100007F:1F90": 32-bit groups in the machine's byte order.
func Peer(s string) (netip.AddrPort, bool) {
	h, p, ok := strings.Cut(s, ":")
	if !ok || len(h) != 8 && len(h) != 32 {
		return netip.AddrPort{}, false
	}
	raw, err := hex.DecodeString(h)
	if err != nil {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		raw[i], raw[i+1], raw[i+2], raw[i+3] = raw[i+3], raw[i+2], raw[i+1], raw[i]
	}
	port, err := strconv.ParseUint(p, 16, 16)
	addr, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), ok && err == nil
}

func socketInode(link string) (uint64, bool) {
	v, ok := strings.CutPrefix(link, "socket:[")
	n, err := strconv.ParseUint(strings.TrimSuffix(v, "]"), 10, 64)
	return n, ok && err == nil
}

func itoa(n int) string { return strconv.Itoa(n) }
