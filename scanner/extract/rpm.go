package extract

import (
	"errors"
	"path"
	"strconv"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/extract/rpmdb"
	"github.com/limpet-security/limpet/scanner/inspect"
)

func rpmFolder(p string) bool {
	return at(path.Dir(p), "/usr/lib/sysimage/rpm", "/var/lib/rpm", "/usr/share/rpm")
}

func isRpm(i inspect.Info) bool {
	switch path.Base(i.Path) {
	case "Packages", "Packages.db", "rpmdb.sqlite":
		return rpmFolder(i.Path)
	}
	return false
}

// isRpmLog: SQLite's log of changes that are not in the database yet.
func isRpmLog(i inspect.Info) bool {
	return i.Size > 0 && path.Base(i.Path) == "rpmdb.sqlite-wal" && rpmFolder(i.Path)
}

func readRpmLog(*input, *File) error {
	return errors.New("it holds changes that are not in the rpm database, and it is not read")
}

func readRpm(in *input, out *File) error {
	packages, err := rpmdb.Read(in.data, in.Size)
	for _, q := range packages {
		p := finding.Package{Type: finding.RPM, Name: q.Name, Version: q.Version + "-" + q.Release, Arch: q.Arch, Module: q.Module, Evidence: "rpm database"}
		if q.License != "" {
			p.Licences = []string{q.License}
		}
		epoch := ""
		if q.Epoch != 0 {
			epoch = strconv.Itoa(q.Epoch) + ":"
		}
		p.Version = epoch + p.Version
		if name, version, ok := sourceRPM(q.SourceRPM); ok {
			p.SourceName, p.SourceVersion = name, epoch+version
		}
		out.Packages = append(out.Packages, p)
		out.Owned = append(out.Owned, Owned{Name: q.Name, Arch: q.Arch, Paths: strings.Join(q.Files, "\n")})
	}
	return err
}

// sourceRPM takes "name-version-release.src.rpm" apart.
func sourceRPM(s string) (name, version string, ok bool) {
	s, ok = strings.CutSuffix(s, ".rpm")
	if !ok {
		return "", "", false
	}
	s = s[:max(strings.LastIndexByte(s, '.'), 0)]
	release := strings.LastIndexByte(s, '-')
	if release < 1 {
		return "", "", false
	}
	at := strings.LastIndexByte(s[:release], '-')
	if at < 1 {
		return "", "", false
	}
	return s[:at], s[at+1:], true
}
