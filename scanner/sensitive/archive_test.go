package sensitive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"testing"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
)

func zipOf(t testing.TB, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i+1 < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, files[i+1])
	}
	z.Close()
	return b.String()
}

func tgzOf(t testing.TB, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	g := gzip.NewWriter(&b)
	w := tar.NewWriter(g)
	for i := 0; i+1 < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: files[i], Size: int64(len(files[i+1])), Typeflag: tar.TypeReg, Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, files[i+1])
	}
	w.Close()
	g.Close()
	return b.String()
}

// TestArchives finds secrets in archives that people make, says where in them,
// and ends for those that are made to be large.
func TestArchives(t *testing.T) {
	i := newInspector(t)
	token := "remote: https://x:" + withChecksum("ghp_", drawn("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", 30)) + "@github.com/x"
	look := func(name, content string) inspect.Found {
		f := file(name, content)
		if w := i.Wants(f.Info); w.Zero() {
			return inspect.Found{}
		}
		return i.Inspect(f)
	}
	for name, content := range map[string]string{"/app/backup.zip": zipOf(t, "x.class", "", "conf/remote.yml", "\n"+token+"\n"), "/app/shop.jar": zipOf(t, "BOOT-INF/classes/a.yml", "\n"+token), "/srv/site.tar.gz": tgzOf(t, "a", "b", "conf/remote.yml", "\n"+token)} {
		found := look(name, content)
		if len(found.Secrets) == 0 {
			t.Errorf("%s: nothing was found", name)
			continue
		}
		if p := found.Secrets[0].Place; p.Path != name || p.Inside == "" || p.Line != 2 {
			t.Errorf("%s: %+v", name, p)
		}
	}
	for name, content := range map[string]string{
		"/usr/share/java/a.jar": zipOf(t, "conf/remote.yml", token), // a distribution's
		"/app/broken.zip":       "PK\x03\x04 no archive", "/app/broken.tgz": "\x1f\x8b\x08 nothing", "/app/e.tar": "",
	} {
		if found := look(name, content); len(found.Secrets)+len(found.Anomalies) != 0 {
			t.Errorf("%s: %+v", name, found)
		}
	}
	var many []string
	for n := range 6000 {
		many = append(many, fmt.Sprint("f", n), "x")
	}
	zeros := string(make([]byte, 1<<20))
	var bomb []string
	for n := range 70 {
		bomb = append(bomb, fmt.Sprint("z", n, ".txt"), zeros)
	}
	for name, content := range map[string]string{"/app/many.zip": zipOf(t, many...), "/app/bomb.zip": zipOf(t, bomb...), "/app/bomb.tgz": tgzOf(t, bomb...)} {
		if found := look(name, content); len(found.Anomalies) != 1 || found.Anomalies[0].Effect != finding.Complete {
			t.Errorf("%s: %+v", name, found.Anomalies)
		}
	}
}

func FuzzArchive(f *testing.F) {
	i := newInspector(f)
	f.Add("/app/a.zip", []byte(zipOf(f, "conf/a.yml", "password: x\n", "b/.netrc", "machine a password b\n")))
	f.Add("/app/a.jar", []byte(zipOf(f, "BOOT-INF/classes/a.yml", "password: x\n")))
	f.Add("/app/a.tgz", []byte(tgzOf(f, "conf/a.yml", "password: x\n")))
	f.Fuzz(func(t *testing.T, path string, data []byte) {
		found := i.Inspect(inspect.File{Info: inspect.Info{Path: path, Size: int64(len(data))}, Head: data, Whole: true})
		for _, s := range found.Secrets {
			if s.Place.Path != path || s.Severity.Rank() == 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}
