package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/limpet-security/limpet/microenforcer"
)

func TestInstallCopiesWholeFiles(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "made", "here")
	for name, text := range map[string]string{"microenforcer": "program", "config.json": "{}", "bundle": "signed"} {
		if err := os.WriteFile(filepath.Join(from, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(from, "original"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a restarted carrier fills a filled volume
		if n, err := install(from, to); n != 3 || err != nil {
			t.Fatalf("%d files, %v", n, err)
		}
	}
	entries, err := os.ReadDir(to)
	if err != nil || len(entries) != 3 {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		want := os.FileMode(0o444)
		if e.Name() == "microenforcer" {
			want = 0o555
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", e.Name(), info.Mode(), want)
		}
	}
}

func TestInstallSaysWhatIsMissing(t *testing.T) {
	if _, err := install(t.TempDir(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "no files") {
		t.Errorf("an empty folder gave %v", err)
	}
	if _, err := install("/nowhere", t.TempDir()); err == nil {
		t.Error("a missing folder was installed")
	}
	var out, errs bytes.Buffer
	if code := installCommand(nil, &out, &errs); code != microenforcer.ExitFailed || !strings.Contains(errs.String(), "FOLDER") {
		t.Errorf("%d: %s", code, errs.String())
	}
}

func TestRemainIsReadyUntilTerminated(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	done := make(chan error, 1)
	go func() { done <- remain(address) }()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
