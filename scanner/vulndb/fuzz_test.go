package vulndb

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzApply takes a delta of a mirror that nobody vouches for yet: its signature
// is looked at in what comes out.
func FuzzApply(f *testing.F) {
	base := build(f, 1)
	old := opened(f, base)
	next := func(skip int) []byte {
		w, err := NewWriter(f.TempDir())
		if err != nil {
			f.Fatal(err)
		}
		defer w.Close()
		for i, r := range rows()[:20] {
			if i%skip == 0 {
				continue
			}
			if err := w.Advisory(r.eco, r.name, r.a); err != nil {
				f.Fatal(err)
			}
		}
		path := filepath.Join(f.TempDir(), "next.db")
		if _, err := w.Finish(path, Meta{Built: built}); err != nil {
			f.Fatal(err)
		}
		var b bytes.Buffer
		if err := opened(f, path).Delta(old, &b); err != nil {
			f.Fatal(err)
		}
		return b.Bytes()
	}
	f.Add(next(2))
	f.Add(next(7))
	f.Add([]byte(deltaMagic + "\x01\x01a\x01b\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "out.db")
		err := old.Apply(bytes.NewReader(b), path)
		if err != nil {
			if _, stat := os.Stat(path); stat == nil {
				t.Fatalf("refused (%v), and there is a file", err)
			}
			return
		}
		db, err := Open(path)
		if errors.Is(err, ErrSchema) {
			return // a delta may lead to another schema's database
		}
		if err != nil {
			t.Fatalf("what was put together cannot be opened: %v", err)
		}
		db.Close()
	})
}

// FuzzOpen changes bytes of a database: bbolt trusts its pages, the reader must
// not fall with it.
func FuzzOpen(f *testing.F) {
	sound, err := os.ReadFile(build(f, 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(0), []byte{0xed, 0x0c, 0xda, 0xed})
	f.Add(uint32(4096*2+8), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add(uint32(4096*3+16), []byte{0, 0, 0, 0x7f})
	f.Fuzz(func(t *testing.T, at uint32, change []byte) {
		b := bytes.Clone(sound)
		copy(b[int(at)%len(b):], change)
		db, err := OpenBytes(b)
		if err != nil {
			return
		}
		defer db.Close()
		for _, r := range rows()[:10] {
			if _, err := db.Advisories(r.eco, r.name); err != nil && !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
		}
		if _, _, err := db.Detail("CVE-2023-5363"); err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
		if _, err := db.BlobNames(""); err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
	})
}
