package drift

import (
	"encoding/binary"
	"path"
	"strings"
)

// HeaderSize is how many bytes of a file Classify wants to see.
const HeaderSize = 64

// ELF constants (elf(5)).
const (
	etExec = 2
	etDyn  = 3
)

// Classify says whether a file belongs into a manifest and as what, from its
// first HeaderSize bytes, its st_mode and its path. Scripts belong whatever
// their mode is, because they can be given to an interpreter. Files with an
// execute bit belong whatever they hold, because the shell runs what the
// kernel does not know as a script without "#!".
func Classify(header []byte, mode uint32, name string) (Kind, bool) {
	const typeMask, regular = 0o170000, 0o100000
	if t := mode & typeMask; t != 0 && t != regular {
		return 0, false
	}
	if len(header) >= 2 && header[0] == '#' && header[1] == '!' {
		return Script, true
	}
	executable := mode&0o111 != 0
	if len(header) < 20 || string(header[:4]) != "\x7fELF" {
		return Other, executable && len(header) > 0
	}
	var order binary.ByteOrder = binary.LittleEndian
	if header[5] == 2 {
		order = binary.BigEndian
	}
	switch order.Uint16(header[16:]) {
	case etExec:
		return ELF, true
	case etDyn:
		if named(path.Base(name)) || !executable {
			return Library, true
		}
		return ELF, true
	}
	return Other, executable // object files, kernel modules, core dumps
}

// named says that a file name is a shared object's: x.so, x.so.1.2.
func named(base string) bool {
	return strings.HasSuffix(base, ".so") || strings.Contains(base, ".so.")
}
