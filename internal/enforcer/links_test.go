package enforcer

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
)

// Who looks through a folder without end for a moment does not read all of it first.
func TestWalk(t *testing.T) {
	dir := t.TempDir()
	for i := range 20_000 {
		f, err := os.Create(filepath.Join(dir, "a file with a name "+strconv.Itoa(i)))
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	enough := errors.New("enough")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n := 0
	err := walk(dir, func(string, fs.DirEntry) error {
		if n++; n == 10 {
			return enough
		}
		return nil
	})
	runtime.ReadMemStats(&after)
	if made := after.TotalAlloc - before.TotalAlloc; err != enough || n != 10 || made > 500_000 {
		t.Errorf("%v after %d, %d bytes", err, n, made)
	}
	tree := t.TempDir()
	for _, p := range []string{"a/b/c", "skipped/d", "e"} {
		if err := os.MkdirAll(filepath.Join(tree, p), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("..", filepath.Join(tree, "a", "up")); err != nil {
		t.Fatal(err)
	}
	var seen []string
	err = walk(tree, func(path string, _ fs.DirEntry) error {
		rel, _ := filepath.Rel(tree, path)
		seen = append(seen, rel)
		if rel == "skipped" {
			return filepath.SkipDir
		}
		return nil
	})
	slices.Sort(seen)
	if want := []string{"a", "a/b", "a/b/c", "a/up", "e", "skipped"}; err != nil || !slices.Equal(seen, want) {
		t.Errorf("%v %q", err, seen)
	}
}
