package notify

import (
	"bytes"
	"strconv"
	"syscall"

	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// maxShebang is BINPRM_BUF_SIZE: how much of a script's first line counts.
const maxShebang = 256

// maxNesting is how many interpreters that are scripts themselves the kernel
// follows before ELOOP.
const maxNesting = 5

// shebang follows "#!" lines to the program that will really be mapped. The
// first interpreter is the one that is judged by name; final is the last.
func (a *attempt) shebang() error {
	fd := a.FD
	owned := false
	defer func() {
		if owned {
			linux.Close(fd)
		}
	}()
	for depth := 0; fd >= 0; depth++ {
		var head [maxShebang]byte
		n, err := linux.Pread(fd, head[:], 0)
		if err != nil {
			return nil
		}
		path, arg, ok := parseShebang(head[:n])
		if !ok {
			a.real.static = isStatic(fd, head[:n])
			if depth == 0 {
				a.s.heads.put(a.File, a.real.static)
			}
			return nil
		}
		if depth >= maxNesting {
			return syscall.ELOOP
		}
		o, err := a.find(linux.AtFDCWD, path, 0)
		if err != nil {
			return err
		}
		next := a.reopen(o)
		if depth == 0 {
			a.Script, a.Interpreter, a.InterpFile, a.interp = true, o.path, o.file, o
		} else {
			defer o.close()
		}
		a.final, a.real.path = o.file, o.path
		a.real.prepend(path, arg)
		if owned {
			linux.Close(fd)
		}
		fd, owned = next, next >= 0
	}
	return nil
}

// parseShebang gives the interpreter named on a script's first line, and the
// one argument that may follow it.
func parseShebang(b []byte) (path, arg string, ok bool) {
	if len(b) < 2 || b[0] != '#' || b[1] != '!' {
		return "", "", false
	}
	line := b[2:]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	line = bytes.TrimLeft(line, " \t")
	if i := bytes.IndexByte(line, 0); i >= 0 {
		line = line[:i]
	}
	if i := bytes.IndexAny(line, " \t"); i >= 0 {
		arg = string(bytes.Trim(line[i:], " \t"))
		line = line[:i]
	}
	return string(line), arg, len(line) > 0
}

func selfFD(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }
