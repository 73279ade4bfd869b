package extract

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"path"
	"runtime/debug"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
)

var elfMagic = []byte("\x7fELF")

func isELF(head []byte) bool { return bytes.HasPrefix(head, elfMagic) }

// isObject: ELF, or a program of Windows or macOS, which Go cross-compiles to.
func isObject(head []byte) bool {
	return isELF(head) || bytes.HasPrefix(head, []byte("MZ")) || bytes.HasPrefix(head, []byte("\xcf\xfa\xed\xfe"))
}

func isProgram(i inspect.Info) bool {
	if i.Size < 256 {
		return false
	}
	if i.Mode&0o111 != 0 {
		return true
	}
	base := path.Base(i.Path)
	return strings.Contains(base, ".so") || strings.HasSuffix(base, ".exe")
}

var buildInfoMagic = []byte("\xff Go buildinf:")

// readGo reads the modules that a Go program was built of, as `go version -m` does.
func readGo(in *input, out *File) error {
	if in.all != nil && !bytes.Contains(in.all, buildInfoMagic) {
		return nil
	}
	info, err := buildinfo.Read(in.data)
	if err != nil {
		if hasBuildInfo(in) {
			return fmt.Errorf("cannot read the modules of the Go program: %w", err)
		}
		return nil
	}
	if v, ok := strings.CutPrefix(info.GoVersion, "go"); ok {
		v, _, _ = strings.Cut(v, " ") // experiments
		out.Packages = append(out.Packages, goPackage("stdlib", v, "standard library"))
	}
	if m := info.Main; m.Path != "" {
		version := m.Version
		if version == "(devel)" {
			version = ""
		}
		p := goPackage(m.Path, version, "main module")
		out.Packages = append(out.Packages, p)
	}
	for _, d := range info.Deps {
		out.Packages = append(out.Packages, goModule(d))
	}
	if len(out.Packages) > maxModules {
		return errors.New("more modules than any program has")
	}
	return nil
}

const maxModules = 20_000

func goModule(m *debug.Module) finding.Package {
	if m.Replace != nil && m.Replace.Path != "" && m.Replace.Version != "" {
		m = m.Replace
	}
	return goPackage(m.Path, m.Version, "module")
}

func goPackage(name, version, what string) finding.Package {
	return finding.Package{Type: finding.Go, Name: name, Version: version, Evidence: "go build info: " + what}
}

// hasBuildInfo says that the file claims to be a Go program.
func hasBuildInfo(in *input) bool {
	f, err := elf.NewFile(in.data)
	return err == nil && f.Section(".go.buildinfo") != nil
}
