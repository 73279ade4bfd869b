package disk

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/scanner/disk/ext4"
	"github.com/limpet-security/limpet/scanner/disk/volume"
	"github.com/limpet-security/limpet/scanner/disk/xfs"
)

func tool(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// made gives a small file system that Debian's tools make of a few files.
func made(t testing.TB, kind string, args ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"etc/hostname": "x\n", "usr/share/doc/a": strings.Repeat("text\n", 4000), "etc/fstab": ""} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	img := filepath.Join(t.TempDir(), "img")
	if kind == "xfs" {
		proto := filepath.Join(t.TempDir(), "proto")
		text := fmt.Sprintf("-\n0 0\nd--755 0 0\nhostname ---644 0 0 %s/etc/hostname\nl l--777 0 0 hostname\n$\n", dir)
		if err := os.WriteFile(proto, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		tool(t, "truncate", "-s", "300M", img)
		tool(t, "mkfs.xfs", append(append([]string{"-q", "-p", proto}, args...), img)...)
	} else {
		tool(t, "truncate", "-s", "2M", img)
		tool(t, "mke2fs", append(append([]string{"-q", "-F", "-t", kind, "-d", dir, "-I", "256"}, args...), img)...)
	}
	f, err := os.Open(img)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 4<<20)) // all that these files take
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tour goes through a file system as the scanner does, and gives how many
// names it saw. It must end for any bytes.
func tour(fs volume.FS) int {
	names, seen := 0, map[uint64]bool{}
	var down func(uint64, int)
	down = func(inode uint64, depth int) {
		if seen[inode] || depth > 50 || names > 20_000 {
			return
		}
		seen[inode] = true
		list, _ := fs.List(inode)
		for _, n := range list {
			names++
			st, err := fs.Stat(n.Inode)
			if err != nil {
				continue
			}
			if st.Mode.IsDir() {
				down(n.Inode, depth+1)
				continue
			}
			_, _ = fs.ReadLink(n.Inode)
			if r, err := fs.Open(n.Inode); err == nil {
				_, _ = r.ReadAt(make([]byte, 10_000), max(0, st.Size-5000))
			}
		}
	}
	down(fs.Root(), 0)
	return names
}

// TestHostileDisks damages disks in every way that a table or a tree can be
// damaged in: the verdict is an error of ours, never a panic or a circle.
func TestHostileDisks(t *testing.T) {
	le, big := binary.LittleEndian, binary.BigEndian
	ext := made(t, "ext4", "-b", "1024")
	open := func(b []byte) (volume.FS, error) { return ext4.Open(bytes.NewReader(b), int64(len(b))) }
	fs, err := open(ext)
	if err != nil || tour(fs) < 6 {
		t.Fatalf("the sound disk: %v", err)
	}
	table := int64(le.Uint32(ext[2048+8:])) * 1024
	root := table + 256
	change := func(f func(b []byte)) []byte { b := bytes.Clone(ext); f(b); return b }
	for name, b := range map[string][]byte{
		"an extent outside of the disk":     change(func(b []byte) { le.PutUint32(b[root+40+12+8:], 1<<30) }),
		"an extent tree in a circle":        change(func(b []byte) { le.PutUint16(b[root+40+6:], 1); le.PutUint32(b[root+40+12+4:], uint32(root/1024)) }),
		"more extents than there is room":   change(func(b []byte) { le.PutUint16(b[root+40+2:], 60000) }),
		"an extent tree 60 deep":            change(func(b []byte) { le.PutUint16(b[root+40+6:], 60) }),
		"a folder of 256 TiB":               change(func(b []byte) { le.PutUint32(b[root+108:], 65536) }),
		"names that end behind their block": change(func(b []byte) { at := le.Uint32(b[root+40+12+8:]) * 1024; b[at+4] = 3 }),
		"an inode's table outside":          change(func(b []byte) { le.PutUint32(b[2048+8:], 1<<31) }),
	} {
		fs, err := open(b)
		if err == nil {
			_, err = fs.List(fs.Root())
		}
		if !errors.Is(err, volume.ErrBroken) {
			t.Errorf("ext4: %s: %v", name, err)
		}
	}
	for name, b := range map[string][]byte{
		"blocks of 1 TiB":      change(func(b []byte) { le.PutUint32(b[1024+24:], 30) }),
		"no inodes in a group": change(func(b []byte) { le.PutUint32(b[1024+40:], 0) }),
		"2^48 blocks": change(func(b []byte) {
			le.PutUint32(b[1024+4:], 1<<31)
			le.PutUint32(b[1024+336:], 1<<15)
			le.PutUint32(b[1024+96:], 0x2c2)
		}),
		"inodes larger than one": change(func(b []byte) { le.PutUint16(b[1024+88:], 4096) }),
	} {
		if _, err := open(b); !errors.Is(err, volume.ErrBroken) {
			t.Errorf("ext4: %s: %v", name, err)
		}
	}
	// A folder that lies in itself is told of by who walks (scanner/extract); here it must end.
	loop := change(func(b []byte) {
		at := int64(le.Uint32(b[root+40+12+8:])) * 1024
		for o := at; o < at+1024; o += int64(le.Uint16(b[o+4:])) {
			le.PutUint32(b[o:], 2)
		}
	})
	if fs, err = open(loop); err != nil || tour(fs) == 0 {
		t.Errorf("folders in a circle: %v", err)
	}
	x := made(t, "xfs")
	openXFS := func(b []byte) (volume.FS, error) { return xfs.Open(bytes.NewReader(b), int64(len(b))) }
	fs, err = openXFS(x)
	if err != nil || fs.Clean() || tour(fs) != 2 { // its log is cut off
		t.Fatalf("the sound XFS: %v, clean %v, %d names", err, fs.Clean(), tour(fs))
	}
	rootX := int64(big.Uint64(x[56:])) * 512
	for name, f := range map[string]func([]byte){
		"a root that is none":      func(b []byte) { b[rootX] = 'X' },
		"a tree 60000 deep":        func(b []byte) { b[rootX+5] = 3; big.PutUint16(b[rootX+176:], 60000) },
		"more extents than room":   func(b []byte) { b[rootX+5] = 2; big.PutUint32(b[rootX+76:], 1<<30) },
		"a fork behind its inode":  func(b []byte) { b[rootX+82] = 255 },
		"names behind the fork":    func(b []byte) { b[rootX+176] = 255 },
		"a folder of unknown form": func(b []byte) { b[rootX+5] = 9 },
		"an extent outside the disk": func(b []byte) {
			b[rootX+5] = 2
			big.PutUint32(b[rootX+76:], 1)
			big.PutUint64(b[rootX+176:], 1)
			big.PutUint64(b[rootX+184:], 1<<60|1)
		},
	} {
		b := bytes.Clone(x)
		f(b)
		fs, err := openXFS(b)
		if err == nil {
			_, err = fs.List(fs.Root())
		}
		if !errors.Is(err, volume.ErrBroken) {
			t.Errorf("xfs: %s: %v", name, err)
		}
	}
}

func TestImagesThatAreNotRead(t *testing.T) {
	qcow := func(f func(h []byte)) []byte {
		h := make([]byte, 128<<10)
		copy(h, "QFI\xfb\x00\x00\x00\x03")
		be.PutUint32(h[20:], 16)
		be.PutUint64(h[24:], 1<<20)
		be.PutUint32(h[36:], 1)
		be.PutUint64(h[40:], 65536)
		be.PutUint32(h[100:], 104)
		f(h)
		return h
	}
	vm := func(f func(h []byte)) []byte {
		h := make([]byte, 64<<10)
		copy(h, "KDMV\x01")
		le.PutUint64(h[12:], 2048)
		le.PutUint64(h[20:], 128)
		le.PutUint32(h[44:], 512)
		le.PutUint64(h[56:], 20)
		f(h)
		return h
	}
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"sound qcow2":            {qcow(func(h []byte) {}), nil},
		"encrypted":              {qcow(func(h []byte) { h[35] = 1 }), ErrUnsupported},
		"backing file":           {qcow(func(h []byte) { h[15] = 104 }), ErrBacking},
		"data in another file":   {qcow(func(h []byte) { h[79] = 4 }), ErrBacking},
		"extended entries":       {qcow(func(h []byte) { h[79] = 16 }), ErrUnsupported},
		"marked corrupt":         {qcow(func(h []byte) { h[79] = 2 }), ErrBroken},
		"clusters of 2 GiB":      {qcow(func(h []byte) { h[23] = 31 }), ErrBroken},
		"a first table of 1 GiB": {qcow(func(h []byte) { be.PutUint32(h[36:], 1<<27) }), ErrBroken},
		"16 EiB":                 {qcow(func(h []byte) { be.PutUint64(h[24:], 1<<63) }), ErrBroken},
		"a table that is short":  {qcow(func(h []byte) { be.PutUint64(h[24:], 1<<50) }), ErrBroken},
		"sound vmdk":             {vm(func(h []byte) {}), nil},
		"a child": {vm(func(h []byte) {
			le.PutUint64(h[28:], 1)
			le.PutUint64(h[36:], 1)
			copy(h[512:], "CID=1\nparentCID=12345678\n")
		}), ErrBacking},
		"split": {vm(func(h []byte) {
			le.PutUint64(h[28:], 1)
			le.PutUint64(h[36:], 1)
			copy(h[512:], "createType=\"twoGbMaxExtentSparse\"\n")
		}), ErrUnsupported},
		"grains of 1 GiB": {vm(func(h []byte) { le.PutUint64(h[20:], 1<<21) }), ErrBroken},
		"a far directory": {vm(func(h []byte) { le.PutUint64(h[56:], 1<<40) }), ErrBroken},
		"no footer":       {vm(func(h []byte) { le.PutUint64(h[56:], 1<<64-1) }), ErrBroken},
		"vhdx":            {append([]byte("vhdxfile"), make([]byte, 1000)...), ErrUnsupported},
		"gzip":            {append([]byte("\x1f\x8b"), make([]byte, 1000)...), ErrUnsupported},
		"100 bytes":       {make([]byte, 100), ErrBroken},
	} {
		if _, err := fromReader(bytes.NewReader(c.b), int64(len(c.b))); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	// Tables that point at themselves and at each other end where they are read.
	loop := qcow(func(h []byte) { be.PutUint64(h[65536:], 1<<63|65536) })
	d, err := fromReader(bytes.NewReader(loop), int64(len(loop)))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, io.NewSectionReader(d, 0, d.Size)); n != d.Size || err != nil {
		t.Errorf("a circle of tables: %d bytes, %v", n, err)
	}
}

func TestPartitionTables(t *testing.T) {
	ring := make([]byte, 1<<20)
	mbr := func(at int, kind byte, first, size uint32) {
		copy(ring[at+510:], "\x55\xaa")
		ring[at+446+4] = kind
		le.PutUint32(ring[at+446+8:], first)
		le.PutUint32(ring[at+446+12:], size)
	}
	mbr(0, 0x0f, 8, 100)
	mbr(8*512, 0x83, 8, 8)
	ring[8*512+446+16+4] = 5
	le.PutUint32(ring[8*512+446+16+8:], 40) // on to the second
	mbr(48*512, 0x83, 8, 8)
	d := &Disk{Size: int64(len(ring)), r: bytes.NewReader(ring)}
	list, err := d.Partitions()
	if err != nil || len(list) != 2 || list[1].At != 56*512 || list[1].Name != "partition 6" {
		t.Errorf("%+v %v", list, err)
	}
	ring[48*512+446+16+4] = 5
	le.PutUint32(ring[48*512+446+16+8:], 40) // the second again
	if _, err := d.Partitions(); !errors.Is(err, ErrBroken) {
		t.Errorf("logical partitions in a circle: %v", err)
	}
	mbr(0, 0xee, 1, 100)
	if _, err := d.Partitions(); !errors.Is(err, ErrBroken) {
		t.Errorf("a GPT that is not there: %v", err)
	}
}

// fuzzVolume changes some bytes of a sound file system and walks through it.
func fuzzVolume(f *testing.F, sound []byte, open func(io.ReaderAt, int64) (volume.FS, error)) {
	f.Add(uint32(1024), []byte{1, 2, 3}, uint32(70000), []byte{0xff})
	f.Add(uint32(0), []byte("XFSB"), uint32(176), []byte{0xff, 0xff})
	f.Fuzz(func(t *testing.T, at uint32, a []byte, there uint32, b []byte) {
		image := bytes.Clone(sound)
		copy(image[int(at)%len(image):], a)
		copy(image[int(there)%len(image):], b)
		ctx, done := context.WithTimeout(context.Background(), time.Minute)
		defer done()
		if fs, err := open(bytes.NewReader(image), int64(len(image))); err == nil {
			tour(fs)
		} else if !errors.Is(err, volume.ErrBroken) && !errors.Is(err, volume.ErrUnsupported) {
			t.Errorf("%v", err)
		}
		if ctx.Err() != nil {
			t.Error("it took a minute")
		}
	})
}

func FuzzExt4(f *testing.F) {
	fuzzVolume(f, made(f, "ext4", "-b", "1024", "-O", "^has_journal")[:1<<20], func(r io.ReaderAt, n int64) (volume.FS, error) { return ext4.Open(r, n) })
}

func FuzzXFS(f *testing.F) {
	fuzzVolume(f, made(f, "xfs")[:1<<20], func(r io.ReaderAt, n int64) (volume.FS, error) { return xfs.Open(r, n) })
}

func FuzzImage(f *testing.F) {
	raw := filepath.Join(f.TempDir(), "raw")
	if err := os.WriteFile(raw, bytes.Repeat([]byte("some data "), 20_000), 0o644); err != nil {
		f.Fatal(err)
	}
	for _, args := range [][]string{{"-O", "qcow2"}, {"-O", "qcow2", "-c"}, {"-O", "vmdk"}, {"-O", "vmdk", "-o", "subformat=streamOptimized"}} {
		img := filepath.Join(f.TempDir(), "img")
		tool(f, "qemu-img", append(append([]string{"convert", "-f", "raw"}, args...), raw, img)...)
		b, err := os.ReadFile(img)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := fromReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, io.NewSectionReader(d, 0, min(d.Size, 4<<20)))
		_, _ = d.ReadAt(make([]byte, 5000), d.Size-3000)
		_, _ = d.Volumes()
	})
}
