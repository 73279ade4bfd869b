package extract

import (
	"bytes"
	"errors"
	"path"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
)

const (
	dpkgStatus  = "/var/lib/dpkg/status"
	dpkgStatusD = "/var/lib/dpkg/status.d/" // distroless: a file a package
	dpkgInfo    = "/var/lib/dpkg/info/"
	opkgStatus  = "/usr/lib/opkg/status"
)

var errTooLarge = errors.New("too large to be read")

func isDpkgStatus(i inspect.Info) bool {
	return at(i.Path, dpkgStatus, opkgStatus) || at(i.Path, dpkgStatusD) && !strings.HasSuffix(i.Path, ".md5sums")
}

func isDpkgList(i inspect.Info) bool {
	return at(i.Path, dpkgInfo) && strings.HasSuffix(i.Path, ".list") || at(i.Path, dpkgStatusD) && strings.HasSuffix(i.Path, ".md5sums")
}

func isCopyright(i inspect.Info) bool {
	return strings.HasPrefix(i.Path, "/usr/share/doc/") && strings.HasSuffix(i.Path, "/copyright") && i.Size < 1<<20
}

// all gives the file's content in memory.
func (in *input) bytes(limit int64) ([]byte, error) {
	if in.all != nil {
		return in.all, nil
	}
	if in.Size > limit {
		return nil, errTooLarge
	}
	b := make([]byte, in.Size)
	_, err := in.data.ReadAt(b, 0)
	return b, err
}

const maxDatabase = 128 << 20 // bytes of a package manager's text database

func readDpkgStatus(in *input, out *File) error {
	b, err := in.bytes(maxDatabase)
	if err != nil {
		return err
	}
	single := at(in.Path, dpkgStatusD)
	odd := 0
	for len(b) > 0 {
		var stanza []byte
		stanza, b = cutStanza(b)
		p, state := dpkgPackage(stanza, single)
		switch state {
		case installed:
			if in.Path == opkgStatus {
				p.Evidence = "opkg status"
			}
			out.Packages = append(out.Packages, p)
		case broken:
			odd++
		}
	}
	if odd > 0 || len(out.Packages) == 0 && in.Size > 0 && !single && !bytes.Contains(b, []byte("Package:")) && bytes.IndexByte(in.first(), 0) >= 0 {
		return errors.New("it holds what is no package")
	}
	return nil
}

// first gives some of the beginning.
func (in *input) first() []byte {
	b := make([]byte, min(in.Size, 512))
	n, _ := in.data.ReadAt(b, 0)
	return b[:n]
}

// cutStanza takes the lines up to an empty one.
func cutStanza(b []byte) (stanza, rest []byte) {
	for i := 0; i < len(b); {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			return b, nil
		}
		if len(bytes.TrimSpace(b[i:i+n])) == 0 {
			return b[:i], b[i+n+1:]
		}
		i += n + 1
	}
	return b, nil
}

type state int

const (
	absent state = iota
	installed
	broken
)

func dpkgPackage(stanza []byte, single bool) (finding.Package, state) {
	p := finding.Package{Type: finding.Deb, Evidence: "dpkg status"}
	var status, source string
	for line := range bytes.Lines(stanza) {
		if line[0] == ' ' || line[0] == '\t' {
			continue
		}
		key, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		v := bytes.TrimSpace(value)
		switch string(key) {
		case "Package":
			p.Name = string(v)
		case "Version":
			p.Version = string(v)
		case "Architecture":
			p.Arch = string(v)
		case "Status":
			status = string(v)
		case "Source":
			source = string(v)
		}
	}
	if len(bytes.TrimSpace(stanza)) == 0 {
		return p, absent
	}
	if words := strings.Fields(status); len(words) == 3 {
		switch words[2] {
		case "not-installed", "config-files":
			return p, absent
		}
	} else if status != "" || !single {
		return p, broken
	}
	if p.Name == "" || p.Version == "" {
		return p, broken
	}
	name, version, _ := strings.Cut(source, " (")
	p.SourceName, p.SourceVersion = name, strings.TrimSuffix(version, ")")
	return p, installed
}

// readDpkgList reads what a package installed: names, or sums and names.
func readDpkgList(in *input, out *File) error {
	b, err := in.bytes(maxDatabase)
	if err != nil {
		return err
	}
	base := path.Base(in.Path)
	o := Owned{}
	if name, ok := strings.CutSuffix(base, ".list"); ok {
		o.Name, o.Arch, _ = strings.Cut(name, ":")
		o.Paths = string(b)
	} else {
		o.Name = strings.TrimSuffix(base, ".md5sums")
		var paths strings.Builder
		for line := range bytes.Lines(b) {
			if _, name, ok := bytes.Cut(line, []byte("  ")); ok {
				paths.WriteByte('/')
				paths.Write(name)
			}
		}
		o.Paths = paths.String()
	}
	out.Owned = append(out.Owned, o)
	return nil
}

// readCopyright takes the licences that a machine-readable copyright file names.
func readCopyright(in *input, out *File) error {
	if !bytes.Contains(in.first(), []byte("://")) {
		return nil // free text
	}
	seen := map[string]bool{}
	for line := range bytes.Lines(in.all) {
		rest, ok := bytes.CutPrefix(line, []byte("License:"))
		name := strings.TrimSpace(string(rest))
		if !ok || name == "" || len(name) > 200 || seen[name] || len(out.Licences) >= 50 {
			continue
		}
		seen[name] = true
		out.Licences = append(out.Licences, name)
	}
	return nil
}
