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
// output, with a drift manifest of 5,000 files, beside the child alone. A
// static program writes with its first instructions; echo has loaded libc
// before, which is digested when it is mapped.
func BenchmarkStart(b *testing.B) {
	first := func(b *testing.B, argv []string) time.Duration {
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
	for _, p := range []struct{ name, path string }{{"static", staticEcho(b)}, {"dynamic", "/bin/echo"}} {
		b.Run(p.name, func(b *testing.B) {
			argv := protected(b, p.path, "x")
			argv[slices.Index(argv, "--manifest")+1] = manifest(b, p.path)
			own := []string{p.path, "x"}
			ways := [][]string{own, argv, traced.argv(b, own), sandboxed.argv(b, own)}
			took := make([][]time.Duration, len(ways))
			const turns = 25
			for range turns {
				for i, w := range ways {
					took[i] = append(took[i], first(b, w))
				}
			}
			middle := make([]float64, len(ways))
			for i := range ways {
				slices.Sort(took[i])
				middle[i] = float64(took[i][turns/2].Microseconds())
			}
			for i, name := range []string{"plain", "protected", traced.name, sandboxed.name} {
				b.ReportMetric(middle[i], name+"-us")
			}
			b.ReportMetric(middle[1]-middle[0], "later-us")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// staticEcho compiles a program that writes and ends.
func staticEcho(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	src, bin := filepath.Join(dir, "first.c"), filepath.Join(dir, "first")
	err := os.WriteFile(src, []byte("#include <unistd.h>\nint main(void) { return write(1, \"x\", 1) != 1; }\n"), 0o644)
	if err != nil {
		tb.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-O2", "-static", "-o", bin, src).CombinedOutput(); err != nil {
		tb.Fatalf("cannot compile: %v\n%s", err, out)
	}
	return bin
}

// manifest writes a drift manifest of 5,000 files, program and what it loads.
func manifest(tb testing.TB, program string) string {
	tb.Helper()
	var entries []drift.Entry
	for _, name := range []string{program, "/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6"} {
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
