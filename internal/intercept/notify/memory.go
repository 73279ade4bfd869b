package notify

import (
	"bytes"
	"errors"
	"fmt"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// memory reads a caller's address space: by process_vm_readv where that is
// permitted, else through /proc/TID/mem.
//
// A /proc/TID/mem descriptor is never kept beyond its call: after an exec, or
// when a tid is used again, it would show another program's memory.
type memory struct {
	fd   int // open /proc/TID/mem, or -1
	page [pageSize]byte
	at   uint64 // address of page; 0: none
}

const pageSize = 4096

func (m *memory) close() {
	if m.fd >= 0 {
		linux.Close(m.fd)
	}
	m.fd, m.at = -1, 0
}

// Read fills b from the caller's memory at addr. EFAULT: not mapped.
// Afterwards ask Valid.
func (c *Call) Read(addr uint64, b []byte) error {
	for len(b) > 0 {
		n, err := c.readSome(addr, b)
		if err != nil {
			return err
		}
		b, addr = b[n:], addr+uint64(n)
	}
	return nil
}

func (c *Call) readSome(addr uint64, b []byte) (int, error) {
	if c.mem.fd < 0 && c.s.power.vmRead.Load() {
		n, err := linux.ReadMem(c.TID(), b, uintptr(addr))
		switch {
		case err == nil && n > 0:
			return n, nil
		case err == syscall.EFAULT:
			return 0, err
		case err == syscall.ENOSYS, err == syscall.EPERM && !c.s.power.sysPtrace:
			c.s.power.vmRead.Store(false) // Docker's profile refuses it without the capability
		}
	}
	if err := c.openMem(); err != nil {
		return 0, err
	}
	n, err := linux.Pread(c.mem.fd, b, int64(addr))
	switch {
	case err == syscall.EIO || err == nil && n == 0:
		return 0, syscall.EFAULT
	case err != nil:
		return 0, fmt.Errorf("cannot read the caller's memory: %w", err)
	}
	return n, nil
}

func (c *Call) openMem() error {
	if c.mem.fd >= 0 {
		return nil
	}
	return c.Privileged(func() error {
		fd, err := linux.OpenAt(linux.AtFDCWD, c.s.power.path(c.TID(), "mem"), syscall.O_RDWR)
		if err != nil {
			return fmt.Errorf("cannot open the caller's memory: %w", err)
		}
		c.mem.fd = fd
		return nil
	})
}

// Write puts b into the caller's memory at addr. Call Valid first.
func (c *Call) Write(addr uint64, b []byte) error {
	if err := c.openMem(); err != nil {
		return err
	}
	for len(b) > 0 {
		n, err := syscall.Pwrite(c.mem.fd, b, int64(addr))
		if err == syscall.EIO || err == nil && n == 0 {
			return syscall.EFAULT
		}
		if err != nil {
			return fmt.Errorf("cannot write the caller's memory: %w", err)
		}
		b, addr = b[n:], addr+uint64(n)
	}
	return nil
}

// errLong reports a string longer than its bound.
var errLong = errors.New("string too long")

// ReadString reads a NUL-terminated string of at most max bytes, the NUL not
// counted. errLong: no NUL in max+1 bytes; the first max are returned.
func (c *Call) ReadString(addr uint64, max int) (string, error) {
	var out []byte
	for {
		p, err := c.window(addr)
		if err != nil {
			return string(out), err
		}
		if i := bytes.IndexByte(p, 0); i >= 0 && len(out)+i <= max {
			if out == nil {
				return string(p[:i]), nil
			}
			return string(append(out, p[:i]...)), nil
		}
		if len(out)+len(p) > max {
			return string(append(out, p[:max-len(out)]...)), errLong
		}
		out = append(out, p...)
		addr += uint64(len(p))
	}
}

// window gives the rest of the page that addr lies in. The last page is kept:
// argument strings lie next to each other.
func (c *Call) window(addr uint64) ([]byte, error) {
	base := addr &^ (pageSize - 1)
	if c.mem.at != base || base == 0 {
		if base == 0 {
			return nil, syscall.EFAULT
		}
		c.mem.at = 0
		if err := c.Read(base, c.mem.page[:]); err != nil {
			return nil, err
		}
		c.mem.at = base
	}
	return c.mem.page[addr-base:], nil
}
