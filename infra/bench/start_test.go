//go:build kernel && docker

package bench

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/drift"
)

// BenchmarkStart is the time from starting the enforcer to its child's first
// output, with a drift manifest of 5,000 files, beside the child alone.
func BenchmarkStart(b *testing.B) {
	argv := protected(b, "/bin/echo", "x")
	argv[slices.Index(argv, "--manifest")+1] = manifest(b)
	first := func(argv []string) time.Duration {
		c := exec.Command(argv[0], argv[1:]...)
		out, err := c.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		t := time.Now()
		if err := c.Start(); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
			b.Fatal(err)
		}
		d := time.Since(t)
		_, _ = io.Copy(io.Discard, out)
		if err := c.Wait(); err != nil {
			b.Fatal(err)
		}
		return d
	}
	var plain, guarded []time.Duration
	for range 25 {
		plain = append(plain, first([]string{"/bin/echo", "x"}))
		guarded = append(guarded, first(argv))
	}
	slices.Sort(plain)
	slices.Sort(guarded)
	b.ReportMetric(float64(plain[12].Microseconds()), "plain-us")
	b.ReportMetric(float64(guarded[12].Microseconds()), "protected-us")
	b.ReportMetric(0, "ns/op")
}

// manifest writes a drift manifest of 5,000 files and what /bin/echo needs.
func manifest(tb testing.TB) string {
	tb.Helper()
	var entries []drift.Entry
	for _, name := range []string{"/bin/echo", "/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6"} {
		path, err := filepath.EvalSymlinks(name)
		if err != nil {
			tb.Fatal(err)
		}
		e, ok, err := entry(path)
		if err != nil || !ok {
			tb.Fatalf("%s: %v, %v", path, ok, err)
		}
		entries = append(entries, e)
	}
	for i := range 5000 {
		entries = append(entries, drift.Entry{Path: fmt.Sprintf("/usr/lib/lib%04d.so", i), Digest: sha256.Sum256([]byte{byte(i), byte(i >> 8)}), Kind: drift.Library, Mode: 0o755})
	}
	var out bytes.Buffer
	if err := drift.Write(&out, entries); err != nil {
		tb.Fatal(err)
	}
	file := filepath.Join(tb.TempDir(), "manifest")
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		tb.Fatal(err)
	}
	return file
}
