//go:build kernel && docker

package bench

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/limpet-security/limpet/internal/drift"
)

// hostManifest writes, once, a drift manifest of the programs that the
// benchmarks run, as wrapping their image would.
func hostManifest(tb testing.TB) string {
	tb.Helper()
	data, err := hostPrograms()
	if err != nil {
		tb.Fatal(err)
	}
	file := filepath.Join(tb.TempDir(), "manifest")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		tb.Fatal(err)
	}
	return file
}

var hostPrograms = sync.OnceValues(func() ([]byte, error) {
	var entries []drift.Entry
	for _, dir := range []string{"/usr/bin", "/usr/sbin", "/usr/lib"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && elsewhere[path] {
				return cmp.Or(err, fs.SkipDir)
			}
			if !d.Type().IsRegular() {
				return nil
			}
			e, ok, err := entry(path)
			if ok {
				entries = append(entries, e)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	if err := drift.Write(&out, entries); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
})

// elsewhere are large folders that nothing here runs from.
var elsewhere = map[string]bool{"/usr/lib/jvm": true, "/usr/lib/llvm-14": true, "/usr/lib/chromium": true, "/usr/lib/modules": true}

// entry reads a file; false: it does not belong into a manifest.
func entry(path string) (drift.Entry, bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return drift.Entry{}, false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return drift.Entry{}, false, err
	}
	head := make([]byte, drift.HeaderSize)
	n, _ := io.ReadFull(f, head)
	kind, ok := drift.Classify(head[:n], uint32(syscall.S_IFREG|info.Mode().Perm()), path)
	if !ok {
		return drift.Entry{}, false, nil
	}
	h := sha256.New()
	h.Write(head[:n])
	if _, err := io.Copy(h, f); err != nil {
		return drift.Entry{}, false, err
	}
	return drift.Entry{Path: path, Digest: [32]byte(h.Sum(nil)), Kind: kind, Mode: uint32(info.Mode().Perm())}, true, nil
}
