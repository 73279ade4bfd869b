package content

import (
	"archive/tar"
	"bytes"
	"errors"
	"path"
	"strings"
	"testing"
)

// FuzzFlatten: any bytes as a lower and an upper layer. Nothing panics, every
// path of the result is absolute and canonical, and none is ours.
func FuzzFlatten(f *testing.F) {
	f.Add(tarOf(f, exe("bin/a", "1"), hard("b", "bin/a")), tarOf(f, text("bin/.wh.a", ""), sym("x", "bin"), exe("x/c", "2")))
	f.Add(tarOf(f, sym("a", "b"), sym("b", "a")), tarOf(f, exe("a/x", "1")))
	f.Add(tarOf(f, sym("x", "/")), tarOf(f, exe("x/.limpet/a", "1")))
	f.Add(tarOf(f, sym("x", "..")), tarOf(f, exe("x/x/x/a", "1"), text("x/.wh..wh..opq", "")))
	f.Add(tarOf(f, exe("d/a", "1")), tarOf(f, exe("d", "1"), hard("e", "d"), item{name: "e", typ: tar.TypeBlock}))
	f.Add([]byte("x"), []byte{})
	f.Fuzz(func(t *testing.T, lower, upper []byte) {
		var b budget
		tr := newTree(false)
		for _, raw := range [][]byte{lower, upper} {
			l, err := readTar(bytes.NewReader(raw), &b)
			if err != nil {
				return
			}
			if err := tr.apply(l); err != nil {
				known := false
				for _, k := range []error{ErrTooLarge, ErrLink, ErrReserved} {
					known = known || errors.Is(err, k)
				}
				if !known {
					t.Fatalf("an error of no kind: %v", err)
				}
				return
			}
		}
		seen := map[string]bool{}
		for _, e := range tr.content().Entries {
			if !strings.HasPrefix(e.Path, "/") || path.Clean(e.Path) != e.Path || seen[e.Path] {
				t.Fatalf("entry %q (twice: %v)", e.Path, seen[e.Path])
			}
			if reserved(e.Path[1:]) {
				t.Fatalf("ours: %q", e.Path)
			}
			seen[e.Path] = true
		}
	})
}
