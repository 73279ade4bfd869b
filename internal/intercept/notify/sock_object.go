package notify

import (
	"bytes"
	"strconv"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

var socketLink = []byte("socket:[")

// socketInode names the object behind a descriptor of the caller. EBADF: there
// is none; ENOTSOCK: it is no socket; EACCES: we may not look.
func (c *Call) socketInode(fd int32) (uint64, syscall.Errno) {
	if fd < 0 {
		return 0, syscall.EBADF
	}
	inode, e := c.s.socketInode(c.TID(), int(fd))
	c.blind = c.blind || e == syscall.EACCES
	return inode, e
}

func (s *Supervisor) socketInode(tid, fd int) (uint64, syscall.Errno) {
	var pb [64]byte
	p := append(pb[:0], "/proc/"...)
	p = strconv.AppendInt(p, int64(s.power.via(tid)), 10)
	p = append(p, "/fd/"...)
	p = strconv.AppendInt(p, int64(fd), 10)
	p = append(p, 0)
	var lb [64]byte
	n, e := linux.Readlink(p, lb[:])
	if e == syscall.EACCES || e == syscall.EPERM {
		_ = s.power.as(tid, func() error {
			n, e = linux.Readlink(p, lb[:])
			if e != 0 {
				return e
			}
			return nil
		})
	}
	switch e {
	case 0:
	case syscall.ENOENT:
		return 0, syscall.EBADF
	default:
		return 0, syscall.EACCES
	}
	return parseSocketLink(lb[:n])
}

func parseSocketLink(l []byte) (uint64, syscall.Errno) {
	if !bytes.HasPrefix(l, socketLink) || l[len(l)-1] != ']' {
		return 0, syscall.ENOTSOCK
	}
	var v uint64
	for _, ch := range l[len(socketLink) : len(l)-1] {
		if ch < '0' || ch > '9' || v > 1<<60 {
			return 0, syscall.ENOTSOCK
		}
		v = v*10 + uint64(ch-'0')
	}
	return v, 0
}

// alone says that no other task can change the caller's descriptor table:
// its process has one thread. A descriptor table shared between processes
// (CLONE_FILES without CLONE_THREAD) is noted where clone is judged.
func (c *Call) alone() bool {
	if c.s.net.sharedTables.Load() {
		return false
	}
	eyes := c.s.power.wards.eyes(c.TID())
	var st linux.Stat
	if err := linux.StatAt(linux.AtFDCWD, procfs.Path(c.TID(), "task"), &st, 0); err != nil {
		return false
	}
	// ., .. and one thread, beside those of ours, of which none came or went
	return int(st.Nlink) == 3+eyes && c.s.power.wards.eyes(c.TID()) == eyes
}

// sameNetwork says whether the caller lives in our network namespace, where
// the sockets that we make belong.
func (c *Call) sameNetwork() bool {
	c.s.net.homeOnce.Do(func() { c.s.net.home = c.netns("self") })
	return c.s.net.home != "" && c.s.net.home == c.netns(strconv.Itoa(c.s.power.via(c.TID())))
}

func (c *Call) netns(task string) string {
	p := append([]byte("/proc/"+task+"/ns/net"), 0)
	var lb [64]byte
	look := func() (n int, e syscall.Errno) {
		n, e = linux.Readlink(p, lb[:])
		if e == 0 && n == 0 {
			e = syscall.EACCES // what Linux 5.10 says instead
		}
		return n, e
	}
	n, e := look()
	if e == syscall.EACCES || e == syscall.EPERM {
		_ = c.Privileged(func() error {
			if n, e = look(); e != 0 {
				return e
			}
			return nil
		})
	}
	if e != 0 {
		return ""
	}
	return string(lb[:n])
}
