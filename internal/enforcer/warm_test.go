package enforcer

import (
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/drift"
)

// The oracle is debug/elf, which the enforcer does not link.
func TestStartedWith(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dynamic := 0
	for _, path := range []string{self, "/bin/sh", "/bin/ls", "/usr/bin/env"} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		want := ""
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP {
				text := make([]byte, p.Filesz)
				p.ReadAt(text, 0)
				want = strings.TrimRight(string(text), "\x00")
				dynamic++
			}
		}
		f.Close()
		if got := startedWith(b[:min(len(b), headSize)]); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if dynamic == 0 {
		t.Error("no program here has a dynamic loader")
	}
	for text, want := range map[string]string{"#!/bin/sh -e\n": "/bin/sh", "#! /usr/bin/env python": "/usr/bin/env", "#!\n/x": "", "#!": "", "": "", "text": ""} {
		if got := startedWith([]byte(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzStartedWith(f *testing.F) {
	b, err := os.ReadFile("/bin/sh")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:1024])
	f.Add([]byte("#!/bin/sh\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s := startedWith(b); strings.ContainsAny(s, "\x00\n") && b[0] == '#' || len(s) > len(b) {
			t.Errorf("%q", s)
		}
	})
}

// What a start will ask for is digested, once, and nothing where no rule asks.
func TestWarm(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "start.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	hashed := func(cfg Config, controls string) uint64 {
		l, _ := newLoop(t, cfg, controls)
		l.Warm(script)
		l.Warm(filepath.Join(dir, "absent"))
		_, n := l.digests.Stats()
		return n
	}
	if n := hashed(Config{Manifest: &drift.Manifest{}}, mode(denyAll, "enforce")); n != 0 {
		t.Errorf("%d files were hashed for nobody", n)
	}
	if n := hashed(Config{Manifest: &drift.Manifest{}}, "    drift: {mode: enforce}\n"); n < 4 {
		t.Errorf("%d files were hashed, want script, shell, loader and C library", n)
	}
}
