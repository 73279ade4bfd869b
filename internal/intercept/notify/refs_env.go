package notify

import (
	"bytes"
	"syscall"

	"github.com/limpet-security/limpet/internal/action/indirect"
	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// Bounds of the environment that is looked through when execve is entered.
// At the exec stop all of it is: the kernel's own bound is six megabytes.
const (
	maxEnvEntries = 4096
	maxEnvValue   = 64 << 10
)

// readEnv copies the variables of envp that matter, as far as they can be
// read: the exec stop looks again.
func (c *Call) readEnv(envp uint64) (out []string) {
	var b [64 * 8]byte
	for read := 0; envp != 0 && read < maxEnvEntries; {
		n := len(b)
		if c.Read(envp, b[:]) != nil {
			n = 8 // the array may end near unmapped memory: one by one
			if c.Read(envp, b[:8]) != nil {
				return out
			}
		}
		for i := 0; i < n; i += 8 {
			p := word(b[i:])
			if p == 0 {
				return out
			}
			read++
			// Most variables are told apart by a few bytes that lie together.
			if w, err := c.window(p); err != nil || len(w) >= 20 && !indirect.Interesting(upTo(w)) {
				continue
			}
			if e, _ := c.ReadString(p, maxEnvValue); indirect.Interesting(e) {
				out = append(out, e)
			}
		}
		envp += uint64(n)
	}
	return out
}

// upTo gives NAME= of an entry whose name is short; else what there is.
func upTo(b []byte) string {
	b = b[:min(len(b), 20)]
	if i := bytes.IndexByte(b, '='); i >= 0 {
		b = b[:i+1]
	}
	return string(b)
}

// stackEnv reads the variables that matter from the new program's stack.
func (a *attempt) stackEnv() (out []string, err error) {
	fd := -1
	err = a.s.power.as(a.tid, func() error {
		fd, err = linux.OpenAt(linux.AtFDCWD, procfs.Path(a.tid, "environ"), syscall.O_RDONLY)
		return err
	})
	if err != nil {
		return nil, err
	}
	defer linux.Close(fd)
	var held []byte // of an entry that is not complete
	buf := make([]byte, 16<<10)
	for off := int64(0); ; {
		n, err := linux.Pread(fd, buf, off)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return out, err
		}
		b := buf[:max(n, 0)]
		off += int64(len(b))
		for len(b) > 0 {
			i := bytes.IndexByte(b, 0)
			if i < 0 {
				if len(held) < maxEnvEntry {
					held = append(held, b...)
				}
				break
			}
			e := b[:i]
			if len(held) > 0 {
				e = append(held, e...)
			}
			if indirect.Interesting(upTo(e)) {
				out = append(out, string(e))
			}
			held, b = held[:0], b[i+1:]
		}
		if n <= 0 {
			return out, nil
		}
		if len(buf) < 64<<10 && n == len(buf) {
			buf = make([]byte, 64<<10)
		}
	}
}

// maxEnvEntry is the kernel's bound on one string (MAX_ARG_STRLEN).
const maxEnvEntry = 128 << 10

// isStatic says that an ELF program has no PT_INTERP. head is its beginning.
func isStatic(fd int, head []byte) bool {
	const ehSize, phSize, ptInterp = 64, 56, 3
	if len(head) < ehSize || string(head[:4]) != "\x7fELF" || head[4] != 2 || head[5] != 1 {
		return false
	}
	off, size, n := word(head[32:40]), int(head[54])|int(head[55])<<8, int(head[56])|int(head[57])<<8
	if size != phSize || n > 512 || off > 1<<40 {
		return false
	}
	b := make([]byte, n*phSize)
	if m, err := linux.Pread(fd, b, int64(off)); err != nil || m != len(b) {
		return false
	}
	for ; len(b) >= phSize; b = b[phSize:] {
		if uint32(b[0])|uint32(b[1])<<8|uint32(b[2])<<16|uint32(b[3])<<24 == ptInterp {
			return false
		}
	}
	return true
}
