package payload

import (
	"bytes"
	"debug/elf"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

//go:embed bin
var files embed.FS

// MaxEnforcerBytes bounds an enforcer read from a file.
const MaxEnforcerBytes = 64 << 20

// What can be wrong with an enforcer. Match with errors.Is.
var (
	ErrMissing = errors.New("this limpet was built without enforcers; run make build")
	ErrInvalid = errors.New("not a static Linux enforcer")
)

// Arches are the architectures that Limpet builds enforcers for, as image
// configurations name them.
var Arches = []string{"amd64", "arm64"}

// Supported says whether there is an enforcer for Linux on arch.
func Supported(arch string) bool {
	for _, a := range Arches {
		if a == arch {
			return true
		}
	}
	return false
}

// MicroEnforcer gives the embedded MicroEnforcer for an architecture. The
// error is ErrMissing when the build had none.
func MicroEnforcer(arch string) ([]byte, error) {
	return from(files, arch)
}

func from(files fs.FS, arch string) ([]byte, error) {
	b, err := fs.ReadFile(files, "bin/microenforcer-linux-"+arch)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot find the %s enforcer: %w", arch, ErrMissing)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the %s enforcer: %w", arch, err)
	}
	return b, nil
}

// ReadFile reads an enforcer that was built elsewhere and says which
// architecture it is for.
func ReadFile(path string) (arch string, data []byte, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", nil, fmt.Errorf("cannot read the enforcer: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > MaxEnforcerBytes {
		return "", nil, fmt.Errorf("cannot use %s: %w", path, ErrInvalid)
	}
	if data, err = os.ReadFile(path); err != nil {
		return "", nil, fmt.Errorf("cannot read the enforcer: %w", err)
	}
	if arch, err = Arch(data); err != nil {
		return "", nil, fmt.Errorf("cannot use %s: %w", path, err)
	}
	return arch, data, nil
}

// Arch says which architecture a static ELF executable is for. An executable
// that needs a dynamic loader is ErrInvalid: it could not run in an image
// without one.
func Arch(data []byte) (string, error) {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return "", fmt.Errorf("it needs a dynamic loader: %w", ErrInvalid)
		}
	}
	if f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN {
		return "", fmt.Errorf("ELF type %s: %w", f.Type, ErrInvalid)
	}
	switch f.Machine {
	case elf.EM_X86_64:
		return "amd64", nil
	case elf.EM_AARCH64:
		return "arm64", nil
	default:
		return "", fmt.Errorf("machine %s: %w", f.Machine, ErrInvalid)
	}
}
