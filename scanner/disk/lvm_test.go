package disk

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/limpet-security/limpet/scanner/disk/volume"
)

// lvmDisk is a disk on which lvm2 made volumes (testdata/README.md), with file
// systems in them.
func lvmDisk(t testing.TB) []byte {
	t.Helper()
	packed, err := os.ReadFile("testdata/lvm2.zst")
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	head, err := z.DecodeAll(packed, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 64<<20)
	copy(b, head)
	put := func(fs []byte, extents ...int) {
		for i, e := range extents {
			copy(b[(1+e)<<20:(2+e)<<20], fs[i<<20:])
		}
	}
	put(tree(t, "4M", map[string]string{"etc/fstab": "/dev/mapper/sys--tem-data /srv ext4 defaults 0 2\n", "usr/a": strings.Repeat("text\n", 300_000)}), 0, 3, 4, 5)
	put(tree(t, "2M", map[string]string{"b": "of data\n"}), 1, 2)
	return b
}

// tree gives an ext4 with files.
func tree(t testing.TB, size string, files map[string]string) []byte {
	t.Helper()
	dir, img := t.TempDir(), filepath.Join(t.TempDir(), "img")
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tool(t, "truncate", "-s", size, img)
	tool(t, "mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-d", dir, img)
	b, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestLVM reads the volumes of a group: one in two pieces, one that fstab names
// by the mapper's name, one with nothing on it.
func TestLVM(t *testing.T) {
	b := lvmDisk(t)
	d, err := fromReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	list, err := d.Volumes()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range list {
		got = append(got, v.String())
		if v.Err != nil {
			t.Errorf("%s: %v", v, v.Err)
		}
	}
	if s := strings.Join(got, "; "); s != "sys-tem/root, ext4, /; sys-tem/data, ext4, /srv; sys-tem/swap_1, nothing that is known" || !list[2].Idle {
		t.Fatalf("%s", s)
	}
	if text := readFile(list[0].FS, "/usr/a", 2<<20); len(text) != 1_500_000 || strings.Trim(string(text), "tex\n") != "" {
		t.Errorf("%d bytes of a file in both pieces", len(text))
	}
	if text := readFile(list[1].FS, "/b", 100); string(text) != "of data\n" {
		t.Errorf("%q", text)
	}

	// What is damaged is said to be, and what lies elsewhere is not guessed.
	for name, change := range map[string]func([]byte){
		"label": func(b []byte) { b[512+24] = 'x'; copy(b[24:], "LVM2 001") },
		"text": func(b []byte) {
			b[bytes.LastIndex(b[:1<<20], []byte("extent_size"))] ^= 1 // the newest of several
		},
		"no text":  func(b []byte) { copy(b[4096+4:], "xxxx") },
		"other id": func(b []byte) { b[512+32] ^= 1 },
	} {
		broken := bytes.Clone(b)
		change(broken)
		d, err := fromReader(bytes.NewReader(broken), int64(len(broken)))
		if err != nil {
			t.Fatal(err)
		}
		list, err := d.Volumes()
		if err != nil || len(list) == 0 {
			t.Fatalf("%s: %v, %v", name, list, err)
		}
		for _, v := range list {
			if v.FS != nil || v.Idle || !strings.HasPrefix(v.Kind, "LVM") || v.Err != nil && !errors.Is(v.Err, volume.ErrBroken) {
				t.Errorf("%s: %s, %v", name, v, v.Err)
			}
		}
	}
}

// TestLVMKinds: what is more than pieces one behind the other is named.
func TestLVMKinds(t *testing.T) {
	d := &Disk{Size: 100 << 20, r: bytes.NewReader(make([]byte, 100<<20))}
	group := func(segments string) string {
		return `vg { id = "x" extent_size = 2048 # a MiB
physical_volumes { pv0 { id = "` + strings.Repeat("a", 6) + "-" + strings.Repeat("a", 26) + `" pe_start = 2048 } }
logical_volumes { lv { status = ["READ", "VISIBLE"] ` + segments + ` } hidden { status = ["READ"] } } }
contents = "Text Format Volume Group"`
	}
	disks := []physical{{uuid: strings.Repeat("a", 32)}}
	for segments, want := range map[string]string{
		`segment1 { start_extent = 0 extent_count = 2 type = "striped" stripe_count = 1 stripes = [ "pv0", 1 ] }`:                  "nothing that is known",
		`segment1 { start_extent = 0 extent_count = 2 type = "striped" stripe_count = 2 stripes = [ "pv0", 1, "pv1", 0 ] }`:        "LVM (stripes over several disks)",
		`segment1 { start_extent = 0 extent_count = 2 type = "thin" thin_pool = "p" }`:                                             "LVM (thin)",
		`segment1 { start_extent = 0 extent_count = 2 type = "raid1" }`:                                                            "LVM (raid1)",
		`segment1 { start_extent = 0 extent_count = 2 type = "striped" stripe_count = 1 stripes = [ "pv7", 1 ] }`:                  "LVM (on another disk)",
		`segment1 { start_extent = 1 extent_count = 2 type = "striped" stripe_count = 1 stripes = [ "pv0", 1 ] }`:                  "LVM!",
		`segment1 { start_extent = 0 extent_count = 200 type = "striped" stripe_count = 1 stripes = [ "pv0", 1 ] }`:                "LVM!",
		`segment1 { start_extent = 0 extent_count = 2 type = "striped" stripe_count = 1 stripes = [ "pv0", 98 ] }`:                 "LVM!",
		`segment1 { start_extent = 0 extent_count = 9223372036854775807 type = "striped" stripe_count = 1 stripes = ["pv0", -1] }`: "LVM!",
		``: "LVM!",
	} {
		list, err := d.logicals(group(segments), disks)
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %v, %v", segments, list, err)
		}
		got := list[0].Kind
		if list[0].Err != nil {
			got += "!"
		}
		if got != want || list[0].Name != "vg/lv" {
			t.Errorf("%s: %s %s, want %s", segments, list[0].Name, got, want)
		}
	}
	for _, text := range []string{"", "vg {", "vg { a }", "vg { a = }", `vg { a = "b`, "vg { extent_size = 0 physical_volumes { } }", strings.Repeat("a {", 20), "} x"} {
		if _, err := d.logicals(text, disks); !errors.Is(err, volume.ErrBroken) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzLVM reads any text as a group's metadata, and what it describes.
func FuzzLVM(f *testing.F) {
	b := lvmDisk(f)
	at := bytes.LastIndex(b[:1<<20], []byte("sys-tem {"))
	text, _, _ := bytes.Cut(b[at:], []byte{0})
	f.Add(string(text))
	f.Add(`vg { extent_size = 1 physical_volumes { p { id = "" pe_start = 0 } } logical_volumes { l { status = ["VISIBLE"] segment1 { start_extent = 0 extent_count = 1 type = "striped" stripe_count = 1 stripes = ["p", 0] } } } }`)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<16 {
			return
		}
		d := &Disk{Size: 1 << 20, r: bytes.NewReader(b[:1<<20])}
		list, err := d.logicals(text, []physical{{uuid: ""}})
		if err != nil && !errors.Is(err, volume.ErrBroken) {
			t.Fatal(err)
		}
		for _, v := range list {
			if v.FS != nil {
				tour(v.FS)
			}
		}
	})
}

// TestPieces reads across the borders of pieces.
func TestPieces(t *testing.T) {
	r := &pieces{disk: strings.NewReader("0123456789"), list: []piece{{0, 7, 3}, {3, 0, 2}, {5, 4, 1}}, size: 6}
	got, err := io.ReadAll(io.NewSectionReader(r, 0, 6))
	if err != nil || string(got) != "789014" {
		t.Errorf("%q, %v", got, err)
	}
	b := make([]byte, 4)
	if n, err := r.ReadAt(b, 2); n != 4 || err != nil || string(b) != "9014" {
		t.Errorf("%d, %v, %q", n, err, b)
	}
	if n, err := r.ReadAt(b, 4); n != 2 || err != io.EOF {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := r.ReadAt(b, 6); err != io.EOF {
		t.Error(err)
	}
}
