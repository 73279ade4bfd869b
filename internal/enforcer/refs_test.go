package enforcer

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/drift"
)

// A folder of libraries in which links for processors lead back into it ends.
func TestLibrariesInCircles(t *testing.T) {
	for _, tt := range []struct {
		links []string
		ok    bool
	}{
		{[]string{"tls"}, true},
		{[]string{"tls", "haswell", "xeon_phi", "avx512_1", "x86_64", "aarch64", "atomics", "glibc-hwcaps"}, false},
	} {
		dir := t.TempDir()
		for _, n := range tt.links {
			if err := os.Symlink(".", filepath.Join(dir, n)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "libx.so"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		l := &Loop{cfg: Config{Manifest: &drift.Manifest{}}}
		done := make(chan struct{})
		go func() {
			defer close(done)
			fd, err := syscall.Open(dir, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
			if err != nil {
				t.Error(err)
				return
			}
			looked := 0
			out, ok := l.foreignIn(fd, dir, 0, nil, &looked)
			if ok != tt.ok || looked > maxFoldersIn+1 || ok && len(out) != maxFolderDepth+1 {
				t.Errorf("%d links: %v, %d folders, %q", len(tt.links), ok, looked, out)
			}
		}()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatal("does not end")
		}
	}
}
