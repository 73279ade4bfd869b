//go:build docker

package scanner

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/limpet-security/limpet/internal/finding"
)

// rpmList is what rpm itself says, as installed writes it.
func rpmList(t *testing.T, args ...string) []string {
	t.Helper()
	return lines(run(t, "rpm", append(args, "-qa", "--qf", `%{NAME} %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\n`)...))
}

func reportOf(t *testing.T, dir string) *finding.Report {
	t.Helper()
	r, err := Scan(t.Context(), Options{Kind: finding.KindRootfs, Source: dir})
	if err != nil {
		t.Fatal(err)
	}
	if r.Integrity.Verdict != finding.Complete {
		t.Errorf("integrity %+v", r.Integrity)
	}
	return r
}

// TestRecallRPM lists real databases, and one that rpm makes on the spot, and
// compares with rpm. Debian's knows no ndb: that of SUSE is held against another
// reader (package rpmdb).
func TestRecallRPM(t *testing.T) {
	z, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, tt := range []struct {
		name, file, backend string
		count               int
	}{
		{"bdb", "var/lib/rpm/Packages", "bdb_ro", 1},
		{"mariner", "var/lib/rpm/rpmdb.sqlite", "sqlite", 129},
	} {
		packed, err := os.ReadFile(filepath.Join("extract/rpmdb/testdata", tt.name+".zst"))
		if err != nil {
			t.Fatal(err)
		}
		b, err := z.DecodeAll(packed, nil)
		if err != nil {
			t.Fatal(err)
		}
		dir, rpms := t.TempDir(), t.TempDir()
		for _, file := range []string{filepath.Join(dir, tt.file), filepath.Join(rpms, filepath.Base(tt.file))} {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want := rpmList(t, "--dbpath", rpms, "--define", "_db_backend "+tt.backend)
		if diff := cmp.Diff(want, installed(reportOf(t, dir), finding.RPM, nil)); diff != "" || len(want) != tt.count {
			t.Errorf("%s: %d packages, differs from rpm -qa (-want +got):\n%s", tt.name, len(want), diff)
		}
	}

	rpms := buildRPMs(t)
	dir := t.TempDir()
	base := []string{"--root", dir, "--dbpath", "/usr/lib/sysimage/rpm"}
	run(t, "rpm", append(base, "--initdb")...)
	run(t, "rpm", append(append(base, "-i", "--justdb", "--nodeps"), rpms...)...)
	run(t, "rpm", append(base, "-e", "--justdb", "--nodeps", "gone")...)
	want := rpmList(t, base...)
	r := reportOf(t, dir)
	if diff := cmp.Diff(want, installed(r, finding.RPM, nil)); diff != "" || len(want) != 206 {
		t.Errorf("%d packages, differs from rpm -qa (-want +got):\n%s", len(want), diff)
	}
	for _, p := range r.Packages {
		if p.Name == "modular" && (p.Module != "stream:1:2:abc" || p.SourceName != "modular" || p.SourceVersion != "1-1") {
			t.Errorf("%+v", p)
		}
	}
}

// buildRPMs makes packages without files: with an epoch, with what sorts before
// and after a version, of a module, for another processor, in two versions, and
// many.
func buildRPMs(t *testing.T) []string {
	t.Helper()
	top := t.TempDir()
	specs := []string{
		"Name: epoch\nEpoch: 7\nVersion: 1.0\nRelease: 1.el9",
		"Name: before\nVersion: 2.0~rc1\nRelease: 1",
		"Name: after\nVersion: 2.0^git5\nRelease: 1",
		"Name: modular\nVersion: 1\nRelease: 1\nModularityLabel: stream:1:2:abc",
		"Name: two-1\nVersion: 1\nRelease: 1",
		"Name: gone\nVersion: 1\nRelease: 1",
		"Name: many\nVersion: 3\nRelease: 1\n%description\nd\n" + manySubpackages(200) + "%files\n",
	}
	for i, s := range specs {
		if !strings.Contains(s, "%description") {
			s += "\nSummary: s\nLicense: MIT\nBuildArch: noarch\n%description\nd\n%files\n"
		} else {
			s = strings.Replace(s, "%description", "Summary: s\nLicense: MIT\nBuildArch: noarch\n%description", 1)
		}
		file := filepath.Join(top, fmt.Sprintf("%d.spec", i))
		if err := os.WriteFile(file, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, "rpmbuild", "-bb", "--quiet", "--nodeps", "--define", "_topdir "+top, file)
	}
	all, err := filepath.Glob(filepath.Join(top, "RPMS/*/*.rpm"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func manySubpackages(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%%package p%d\nSummary: s\nLicense: GPL-2.0-or-later AND MIT\n%%description p%d\n%s\n%%files p%d\n", i, i, strings.Repeat("long ", i*8), i)
	}
	return b.String()
}
