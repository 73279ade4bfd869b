package scanner_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner"
	"github.com/limpet-security/limpet/scanner/disk"
)

// run runs one of Debian's tools.
func run(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// system makes the folder of a small Debian: this machine's package database,
// folders of every size, links long and short, a file with a hole.
func system(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	put := func(name string, data []byte) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	status, err := os.ReadFile("/var/lib/dpkg/status")
	if err != nil {
		t.Fatal(err)
	}
	put("var/lib/dpkg/status", status)
	put("usr/lib/os-release", []byte("ID=debian\nVERSION_ID=\"12\"\n"))
	put("etc/fstab", []byte("# a remark\nLABEL=root / ext4 defaults 0 1\nLABEL=srv /srv ext4 defaults 0 2\n"))
	if err := os.Symlink("../usr/lib/os-release", filepath.Join(dir, "etc/os-release")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/"+strings.Repeat("a-long-way/", 20)+"x", filepath.Join(dir, "etc/far")); err != nil {
		t.Fatal(err)
	}
	for i := range 1500 {
		put(fmt.Sprintf("usr/share/many/a-file-with-a-rather-long-name-%04d", i), nil)
	}
	for i := range 9 {
		put(fmt.Sprintf("opt/app%d/node_modules/m%d/package.json", i, i), fmt.Appendf(nil, `{"name":"m%d","version":"1.0.%d"}`, i, i))
	}
	put("opt/s/package.json", []byte(`{"name":"s","version":"1"}`))
	hole := append(bytes.Repeat([]byte("Package: deep\n"), 1), make([]byte, 3<<20)...)
	put("opt/hole.bin", append(hole, "end"...))
	put("opt/big.bin", bytes.Repeat([]byte("0123456789abcdef"), 1<<17))
	return dir
}

// protofile says for mkfs.xfs -p what is to be in the file system.
func protofile(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("-\n0 0\n")
	var down func(string)
	down = func(at string) {
		list, err := os.ReadDir(at)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			full := filepath.Join(at, e.Name())
			switch {
			case e.IsDir():
				fmt.Fprintf(&b, "%s d--755 0 0\n", e.Name())
				down(full)
				b.WriteString("$\n")
			case e.Type()&fs.ModeSymlink != 0:
				to, _ := os.Readlink(full)
				fmt.Fprintf(&b, "%s l--777 0 0 %s\n", e.Name(), to)
			default:
				fmt.Fprintf(&b, "%s ---644 0 0 %s\n", e.Name(), full)
			}
		}
	}
	b.WriteString("d--755 0 0\n")
	down(dir)
	b.WriteString("$\n")
	file := filepath.Join(t.TempDir(), "proto")
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func sparse(t testing.TB, size int64) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "disk.img")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return name
}

func ext(t testing.TB, dir string, args ...string) string {
	t.Helper()
	img := sparse(t, 96<<20)
	run(t, "mke2fs", append(append([]string{"-q", "-F", "-d", dir}, args...), img)...)
	return img
}

func xfsDisk(t testing.TB, dir string, args ...string) string {
	t.Helper()
	img := sparse(t, 320<<20)
	run(t, "mkfs.xfs", append(append([]string{"-q", "-p", protofile(t, dir)}, args...), img)...)
	return img
}

// partitioned puts file systems on a disk with a table that sfdisk writes.
func partitioned(t testing.TB, label string, images ...string) string {
	t.Helper()
	const mib = 1 << 20
	at, script := int64(mib), "label: "+label+"\n"
	var starts []int64
	for _, image := range images {
		st, err := os.Stat(image)
		if err != nil {
			t.Fatal(err)
		}
		script += fmt.Sprintf("start=%d, size=%d\n", at/512, st.Size()/512)
		starts = append(starts, at)
		at += st.Size() + mib
	}
	img := sparse(t, at+mib)
	cmd := exec.Command("sfdisk", "-q", img)
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("sfdisk: %v\n%s", err, out)
	}
	for i, image := range images {
		run(t, "dd", "if="+image, "of="+img, "bs=1M", fmt.Sprint("seek=", starts[i]/mib), "conv=notrunc,sparse", "status=none")
	}
	return img
}

func scanVM(t testing.TB, img string) *finding.Report {
	t.Helper()
	r, err := scanner.Scan(context.Background(), scanner.Options{Kind: finding.KindVM, Source: img})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// packages are what a report lists, without the layer.
func packages(r *finding.Report) []finding.Package {
	list := append([]finding.Package{}, r.Packages...)
	for i := range list {
		p := append([]finding.Place{}, list[i].Places...)
		for k := range p {
			p[k].Layer = ""
		}
		list[i].Places = p
	}
	return list
}

// TestVMDisks reads disks that Debian's tools made of a folder: each gives the
// packages that the folder gives.
func TestVMDisks(t *testing.T) {
	dir := system(t)
	folder, err := scanner.Scan(context.Background(), scanner.Options{Kind: finding.KindRootfs, Source: dir})
	if err != nil {
		t.Fatal(err)
	}
	want := packages(folder)
	if len(want) < 100 {
		t.Fatalf("the folder has %d packages", len(want))
	}
	same := func(t *testing.T, img string) {
		t.Helper()
		r := scanVM(t, img)
		if d := cmp.Diff(want, packages(r)); d != "" {
			t.Error(d[:min(len(d), 2000)])
		}
		if r.Integrity.Verdict != finding.Complete || r.OS == nil || r.OS.ID != "debian" {
			t.Errorf("%+v %+v", r.Integrity, r.OS)
		}
	}
	long := os.Getenv("LIMPET_SOAK") != ""
	raw := ext(t, dir, "-t", "ext4")
	rare := map[string]bool{"ext3": true, "ext4 clusters": true, "ext4 revision 0": true, "xfs 4 without types": true, "xfs large inodes": true, "qcow 0.10": true, "qcow2 packed": true}
	each := func(cases map[string][]string, run func(*testing.T, []string)) {
		for name, args := range cases {
			if long || !rare[name] {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					run(t, args)
				})
			}
		}
	}
	each(map[string][]string{
		"ext2": {"-t", "ext2", "-b", "1024"}, "ext3": {"-t", "ext3"}, "ext4 inline": {"-t", "ext4", "-O", "inline_data", "-I", "512"}, "ext4 small blocks": {"-t", "ext4", "-b", "1024", "-O", "^64bit,^metadata_csum"},
		"ext4 clusters": {"-t", "ext4", "-O", "bigalloc"}, "ext4 revision 0": {"-t", "ext2", "-r", "0"},
	}, func(t *testing.T, args []string) { same(t, ext(t, dir, args...)) })
	each(map[string][]string{
		"xfs": nil, "xfs 4": {"-m", "crc=0"}, "xfs 4 without types": {"-m", "crc=0", "-n", "ftype=0"}, "xfs folders of 8 KiB": {"-n", "size=8192", "-b", "size=1024"}, "xfs large inodes": {"-i", "size=2048"},
	}, func(t *testing.T, args []string) { same(t, xfsDisk(t, dir, args...)) })
	t.Run("ext4", func(t *testing.T) { same(t, raw) })
	t.Run("gpt", func(t *testing.T) { same(t, partitioned(t, "gpt", raw)) })
	t.Run("dos", func(t *testing.T) { same(t, partitioned(t, "dos", raw)) })
	each(map[string][]string{
		"qcow2": {"-O", "qcow2"}, "qcow2 packed": {"-O", "qcow2", "-c"}, "qcow2 zstd": {"-O", "qcow2", "-c", "-o", "compression_type=zstd"}, "qcow2 small clusters": {"-O", "qcow2", "-o", "cluster_size=512"}, "qcow 0.10": {"-O", "qcow2", "-o", "compat=0.10"},
		"vmdk": {"-O", "vmdk"}, "vmdk stream": {"-O", "vmdk", "-o", "subformat=streamOptimized"},
	}, func(t *testing.T, args []string) {
		img := filepath.Join(t.TempDir(), "disk")
		run(t, "qemu-img", append(append([]string{"convert", "-f", "raw"}, args...), raw, img)...)
		same(t, img)
	})
}

// TestVMVolumes reads a disk of several partitions, one of them mounted below
// the root by its label, and tells of what is not read.
func TestVMVolumes(t *testing.T) {
	dir, srv := system(t), t.TempDir()
	if err := os.MkdirAll(filepath.Join(srv, "node_modules/onsrv"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(srv, "node_modules/onsrv/package.json"), []byte(`{"name":"onsrv","version":"2"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	root, second := ext(t, dir, "-t", "ext4", "-L", "root"), ext(t, srv, "-t", "ext4", "-L", "srv")
	place := func(r *finding.Report) string {
		for _, p := range r.Packages {
			if p.Name == "onsrv" {
				return p.Places[0].Path + " " + p.Places[0].Layer
			}
		}
		return ""
	}
	r := scanVM(t, partitioned(t, "gpt", second, root))
	if got := place(r); got != "/srv/node_modules/onsrv/package.json partition 1" || r.Integrity.Verdict != finding.Complete {
		t.Errorf("%q %+v", got, r.Integrity)
	}
	odd := sparse(t, 4<<20)
	if err := os.WriteFile(odd, append(append(make([]byte, 536), "LVM2 001"...), make([]byte, 1<<20-544)...), 0o644); err != nil {
		t.Fatal(err)
	}
	r = scanVM(t, partitioned(t, "dos", root, odd))
	if r.Integrity.Verdict != finding.Partial || len(r.Integrity.Anomalies) != 1 || !strings.Contains(r.Integrity.Anomalies[0].Detail, "LVM") {
		t.Errorf("%+v", r.Integrity)
	}
	if _, err := scanner.Scan(context.Background(), scanner.Options{Kind: finding.KindVM, Source: partitioned(t, "dos", odd)}); err == nil || !strings.Contains(err.Error(), "LVM") {
		t.Errorf("a disk with nothing that is read: %v", err)
	}
	// A disk that was copied while it ran: the journal waits.
	run(t, "debugfs", "-w", "-R", "feature needs_recovery", root)
	if r = scanVM(t, root); r.Integrity.Verdict != finding.Partial || r.Integrity.Anomalies[0].Code != "disk-journal" {
		t.Errorf("%+v", r.Integrity)
	}
	over := filepath.Join(t.TempDir(), "over.qcow2")
	run(t, "qemu-img", "create", "-q", "-f", "qcow2", "-b", root, "-F", "raw", over)
	if _, err := disk.Open(over); !errors.Is(err, disk.ErrBacking) {
		t.Errorf("an image upon another: %v", err)
	}
}
