package cybercenter

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/limpet-security/limpet/scanner/cybercenter/feeds"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

const oneAdvisory = `{"id":"X-1","summary":"s","affected":[{"package":{"ecosystem":"npm","name":"p"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.0.0"}]}]}]}`

// archives are the forms in which publishers give many records.
func archives(t testing.TB) map[string][]byte {
	t.Helper()
	must := func(errs ...error) {
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	var plain, gz, zst, zipped bytes.Buffer
	w := tar.NewWriter(&plain)
	must(w.WriteHeader(&tar.Header{Name: "db/a.json", Size: int64(len(oneAdvisory)), Mode: 0o644}))
	_, err := w.Write([]byte(oneAdvisory))
	must(err, w.Close())
	g := gzip.NewWriter(&gz)
	_, err = g.Write(plain.Bytes())
	must(err, g.Close())
	z, err := zstd.NewWriter(&zst)
	must(err)
	_, err = z.Write([]byte(oneAdvisory))
	must(err, z.Close())
	p := zip.NewWriter(&zipped)
	e, err := p.Create("db/a.json")
	must(err)
	_, err = e.Write([]byte(oneAdvisory))
	must(err, p.Close())
	return map[string][]byte{"a.json": []byte(oneAdvisory), "a.tar.gz": gz.Bytes(), "a.tgz": gz.Bytes(), "a.tar": plain.Bytes(), "a.json.zst": zst.Bytes(), "a.zip": zipped.Bytes()}
}

func readOne(t testing.TB, name string, b []byte) *feeds.Out {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := vulndb.NewWriter(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	f, _ := feeds.ByName("local-osv")
	out := &feeds.Out{W: w, Source: f.Name}
	if err := readFolder(t.Context(), f, dir, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestArchives reads one record out of every form.
func TestArchives(t *testing.T) {
	for name, b := range archives(t) {
		if out := readOne(t, name, b); out.Records != 1 || out.Bad != 0 {
			t.Errorf("%s: %d records, %v", name, out.Records, out.Faults)
		}
	}
}

// FuzzFolder gives the reader of a mirror's folder damaged archives.
func FuzzFolder(f *testing.F) {
	names := []string{"a.json", "a.tar.gz", "a.tgz", "a.tar", "a.json.zst", "a.zip", "a.json.bz2"}
	all := archives(f)
	for i, name := range names {
		f.Add(uint8(i), all[name])
	}
	f.Fuzz(func(t *testing.T, i uint8, b []byte) {
		if len(b) < 1<<16 {
			readOne(t, names[int(i)%len(names)], b)
		}
	})
}
