package enforcer

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"syscall"

	"github.com/limpet-security/limpet/internal/drift"
)

// Warm digests the program at path, and what it is started with, if the policy
// asks for digests: started beside the rest of a start, they are known when the
// application's first calls ask. Only the cache of digests changes, so that a
// wrong guess costs time and decides nothing.
func (l *Loop) Warm(path string) {
	n := l.current.Load().Engine.Needs()
	if !n.Digest && (l.cfg.Manifest == nil || !n.Origin) {
		return
	}
	for range maxWarm {
		head := l.warm(path)
		if path = startedWith(head); path == "" || !filepath.IsAbs(path) {
			return
		}
		if n.Maps && bytes.HasPrefix(head, elfMagic) {
			if real, err := filepath.EvalSymlinks(path); err == nil {
				l.warm(real)
				l.warm(filepath.Join(filepath.Dir(real), "libc.so.6"))
			}
			return
		}
	}
}

// maxWarm is how many scripts that name each other are followed.
const maxWarm = 3

// headSize is how much of a program's beginning is looked at: the name of the
// dynamic loader stands there.
const headSize = 4096

var elfMagic = []byte("\x7fELF")

// warm digests one file and gives its beginning.
func (l *Loop) warm(path string) (head []byte) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil
	}
	defer syscall.Close(fd)
	f, err := drift.Stat(fd)
	if err != nil || f.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return nil
	}
	head = make([]byte, headSize)
	got, _ := syscall.Pread(fd, head, 0)
	_, _ = l.digests.Of(fd, f)
	return head[:max(got, 0)]
}

// startedWith reads from the beginning of a program what the kernel starts it
// with: the interpreter of a script, or the dynamic loader of an ELF file of 64
// bits. "": nothing, or it does not stand there.
func startedWith(head []byte) string {
	if line, ok := bytes.CutPrefix(head, []byte("#!")); ok {
		line, _, _ = bytes.Cut(line, []byte("\n"))
		if f := bytes.Fields(line); len(f) > 0 {
			return string(f[0])
		}
		return ""
	}
	const class, class64, entry, loader = 4, 2, 56, 3 // EI_CLASS, ELFCLASS64, sizeof(Elf64_Phdr), PT_INTERP
	if len(head) < 64 || !bytes.HasPrefix(head, elfMagic) || head[class] != class64 {
		return ""
	}
	ne := binary.NativeEndian
	from, count := ne.Uint64(head[32:]), int(ne.Uint16(head[56:]))
	for i := range count {
		at := from + uint64(i)*entry
		if at < from || at > uint64(len(head)-entry) {
			return ""
		}
		if p := head[at : at+entry]; ne.Uint32(p) == loader {
			name, size := ne.Uint64(p[8:]), ne.Uint64(p[32:])
			if name > uint64(len(head)) || size > uint64(len(head))-name {
				return ""
			}
			text, _, _ := bytes.Cut(head[name:name+size], []byte{0})
			return string(text)
		}
	}
	return ""
}
