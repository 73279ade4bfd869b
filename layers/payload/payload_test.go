package payload

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/fstest"
)

func TestMissingSaysHowToBuild(t *testing.T) {
	_, err := from(fstest.MapFS{"bin/README.md": {}}, "amd64")
	if !errors.Is(err, ErrMissing) {
		t.Fatalf("got %v, want ErrMissing", err)
	}
}

func TestFromGivesTheArchitecturesFile(t *testing.T) {
	fsys := fstest.MapFS{
		"bin/microenforcer-linux-amd64": {Data: []byte("a")},
		"bin/microenforcer-linux-arm64": {Data: []byte("b")},
	}
	for arch, want := range map[string]string{"amd64": "a", "arm64": "b"} {
		got, err := from(fsys, arch)
		if err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v", arch, got, err)
		}
	}
	if _, err := from(fsys, "../../README.md"); err == nil {
		t.Error("an architecture that is a path was accepted")
	}
}

func TestReadFileRefusesWhatIsNoEnforcer(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{text, dir, filepath.Join(dir, "absent")} {
		if _, _, err := ReadFile(path); err == nil {
			t.Errorf("%s was accepted", path)
		}
	}
	if runtime.GOOS != "linux" {
		return
	}
	// The go command's own shell is dynamic on every common distribution.
	if _, _, err := ReadFile("/bin/bash"); err == nil {
		t.Error("a dynamically linked program was accepted")
	}
}

func FuzzArch(f *testing.F) {
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Add([]byte("#!/bin/sh"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if arch, err := Arch(b); err == nil && !Supported(arch) {
			t.Fatalf("accepted for %q", arch)
		}
	})
}
