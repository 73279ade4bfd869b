//go:build kernel

package debian

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAsSources(t *testing.T) {
	for in, want := range map[string]string{
		"Types: deb\nURIs: http://mirror.example\n\ntypes: deb deb-src\n":     "Types: deb-src\nURIs: http://mirror.example\n\ntypes: deb-src\n",
		"# deb\ndeb [arch=amd64] http://mirror.example x main\ndeb-src y x\n": "# deb\ndeb-src [arch=amd64] http://mirror.example x main\ndeb-src y x\n",
	} {
		if got := asSources(in); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestSource fetches a package of a repository in a folder: not if nobody
// signed it, and not if it is another than the repository says.
func TestSource(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, text := range map[string]string{"hello-1/hello": "hello\n", "hello-1/debian/control": "Source: hello\n"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	sum := func(text []byte, name string) string {
		return fmt.Sprintf(" %x %d %s\n", sha256.Sum256(text), len(text), name)
	}
	repo, dir := t.TempDir(), t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(repo, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	head := "Format: 1.0\nBinary: hello\nArchitecture: all\nVersion: 1\nMaintainer: nobody\n"
	dsc := head + "Source: hello\nChecksums-Sha256:\n" + sum(b.Bytes(), "hello_1.tar.gz") + "Files:\n"
	write("hello_1.tar.gz", b.String())
	write("hello_1.dsc", dsc)
	write("Sources", "Package: hello\n"+head+"Directory: .\nChecksums-Sha256:\n"+sum([]byte(dsc), "hello_1.dsc")+sum(b.Bytes(), "hello_1.tar.gz"))

	fetch := func(how, to string) error {
		return source(t.Context(), filepath.Join(dir, to), "hello", ".list", "deb-src "+how+"file:"+repo+" ./\n")
	}
	if err := fetch("", "unsigned"); err == nil || !strings.Contains(err.Error(), "not signed") && !strings.Contains(err.Error(), "Release file") {
		t.Errorf("nobody signed it: %v", err)
	}
	if err := fetch("[trusted=yes] ", "good"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "good/hello")); string(got) != "hello\n" {
		t.Errorf("%q, %v", got, err)
	}
	write("hello_1.tar.gz", strings.Replace(b.String(), "\x1f\x8b\x08\x00", "\x1f\x8b\x08\x01", 1))
	if err := fetch("[trusted=yes] ", "other"); err == nil {
		t.Error("it was changed, and is taken")
	}
	for _, name := range []string{"unsigned", "other"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s was unpacked", name)
		}
	}
	if err := fetch("", "good"); err != nil {
		t.Errorf("what is there is fetched again: %v", err)
	}
}
