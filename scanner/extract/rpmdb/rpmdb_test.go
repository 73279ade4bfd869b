package rpmdb

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	oracle "github.com/knqyf263/go-rpmdb/pkg"
	_ "modernc.org/sqlite" // the oracle's engine
)

func load(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".zst"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var databases = map[string]int{"bdb": 1, "sle": 35, "mariner": 129}

// TestRead compares with go-rpmdb, package by package, file by file.
func TestRead(t *testing.T) {
	for name, count := range databases {
		t.Run(name, func(t *testing.T) {
			b := load(t, name)
			got, err := Read(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "db")
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err := oracle.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			all, err := db.ListPackages()
			if err != nil {
				t.Fatal(err)
			}
			var want []Package
			for _, p := range all {
				files, err := p.InstalledFileNames()
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, Package{p.Name, p.Version, p.Release, p.Arch, p.EpochNum(), p.License, p.SourceRpm, p.Modularitylabel, files})
			}
			if len(got) != count {
				t.Errorf("%d packages, want %d", len(got), count)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("differs from go-rpmdb (-want +got):\n%.2000s", diff)
			}
		})
	}
}

// TestDamaged cuts and changes real databases: an error or fewer packages,
// never a panic, never without end.
func TestDamaged(t *testing.T) {
	for name := range databases {
		b := load(t, name)
		for n := 0; n < len(b); n += len(b)/97 + 1 {
			if _, err := Read(bytes.NewReader(b[:n]), int64(n)); err == nil {
				t.Errorf("%s cut at %d of %d bytes gives no error", name, n, len(b))
			}
		}
	}
	for _, b := range [][]byte{nil, []byte("garbage"), bytes.Repeat([]byte{0}, 4096), bytes.Repeat([]byte("SQLite format 3\x00"), 100)} {
		if _, err := Read(bytes.NewReader(b), int64(len(b))); !errors.Is(err, ErrDamaged) {
			t.Errorf("%.20q gives %v", b, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	for name := range databases {
		b := load(f, name)
		f.Add(b[:min(len(b), 100_000)], uint32(100), byte(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, at uint32, c byte) {
		if len(b) > 0 {
			b[int(at)%len(b)] ^= c
		}
		packages, err := Read(bytes.NewReader(b), int64(len(b)))
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatalf("an error of another kind: %v", err)
		}
		for _, p := range packages {
			if p.Name == "" || p.Version == "" {
				t.Fatalf("a package without name or version: %+v", p)
			}
		}
	})
}
