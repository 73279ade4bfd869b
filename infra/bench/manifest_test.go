//go:build kernel && docker

package bench

import (
	"bytes"
	"crypto/sha256"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
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
	for _, dir := range []string{"/usr/bin", "/usr/sbin", "/usr/lib/git-core", "/usr/lib/gcc", "/usr/lib/postgresql"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			info, err := d.Info()
			if err != nil || info.Mode()&0o111 == 0 {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			kind := drift.ELF
			if bytes.HasPrefix(b, []byte("#!")) {
				kind = drift.Script
			}
			entries = append(entries, drift.Entry{Path: path, Digest: sha256.Sum256(b), Kind: kind, Mode: uint32(info.Mode().Perm())})
			return nil
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
