package extract

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/disk/volume"
)

// badFS is a file system whose folders are what a test says.
type badFS struct {
	folders map[uint64][]volume.Name
	files   map[uint64]string
	panics  uint64 // the inode whose reading panics
}

func (badFS) Kind() string                    { return "bad" }
func (badFS) UUID() string                    { return "" }
func (badFS) Label() string                   { return "" }
func (badFS) Clean() bool                     { return true }
func (badFS) Root() uint64                    { return 1 }
func (badFS) ReadLink(uint64) (string, error) { return "", volume.Broken("no link") }

func (b badFS) Stat(n uint64) (volume.Inode, error) {
	switch text, ok := b.files[n]; {
	case n == b.panics:
		panic("a hostile disk")
	case ok:
		return volume.Inode{Mode: 0o644, Size: int64(len(text))}, nil
	case n >= 1000: // a folder that has another in it, for ever
		return volume.Inode{Mode: fs.ModeDir}, nil
	case b.folders[n] != nil:
		return volume.Inode{Mode: fs.ModeDir}, nil
	case n == 99:
		return volume.Inode{Mode: 0o644, Size: 1 << 45}, nil
	}
	return volume.Inode{}, volume.Broken("there is no inode %d", n)
}

func (b badFS) List(n uint64) ([]volume.Name, error) {
	if n >= 1000 {
		return []volume.Name{{Name: "d", Inode: n + 1}}, nil
	}
	return b.folders[n], nil
}

func (b badFS) Open(n uint64) (io.ReaderAt, error) {
	if n == 99 {
		return &volume.File{Size: 1 << 45}, nil
	}
	return strings.NewReader(b.files[n]), nil
}

// TestHostileVolumes walks file systems that are not sound: what is sound in
// them is read, and the rest is told.
func TestHostileVolumes(t *testing.T) {
	for name, c := range map[string]struct {
		names []volume.Name
		want  string
	}{
		"a folder in itself":             {[]volume.Name{{Name: "loop", Inode: 1}}, "disk-folder-twice"},
		"names that lead out":            {[]volume.Name{{Name: "../../etc/passwd", Inode: 5}, {Name: "..", Inode: 5}, {Name: "", Inode: 5}}, "disk-name"},
		"a folder without end":           {[]volume.Name{{Name: "deep", Inode: 1000}}, "limit-depth"},
		"an inode that is not there":     {[]volume.Name{{Name: "x", Inode: 77}}, "file-unreadable"},
		"a reader that panics":           {[]volume.Name{{Name: "x", Inode: 66}}, "file-unreadable"},
		"a jar of 32 TiB of nothing":     {[]volume.Name{{Name: "x.jar", Inode: 99}}, "file-unreadable"},
		"more names than there may be":   {many(5000), "limit"},
		"a program of 32 TiB of nothing": {[]volume.Name{{Name: "requirements.txt", Inode: 99}}, ""},
	} {
		bad := badFS{folders: map[uint64][]volume.Name{1: append(c.names, volume.Name{Name: "app", Inode: 2}), 2: {{Name: "node_modules", Inode: 3}}, 3: {{Name: "a", Inode: 4}}, 4: {{Name: "package.json", Inode: 5}}},
			files: map[uint64]string{5: pkgJSON("a")}, panics: 66}
		r := Reader{Limits: Limits{Entries: 4000}}
		layers, err := r.Volumes(context.Background(), []Mounted{{Name: "disk", FS: bad, At: "/"}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		report := &finding.Report{}
		Fill(report, layers)
		want := finding.Partial
		if c.want == "" {
			want = finding.Complete
		}
		if report.Integrity.Verdict != want || c.want != "" && report.Integrity.Anomalies[0].Code != c.want {
			t.Errorf("%s: %+v", name, report.Integrity)
		}
		if c.want != "limit" && len(report.Packages) != 1 {
			t.Errorf("%s: %d packages", name, len(report.Packages))
		}
	}
}

func many(n int) (all []volume.Name) {
	for i := range n {
		all = append(all, volume.Name{Name: fmt.Sprint("a", i), Inode: 5})
	}
	return all
}
