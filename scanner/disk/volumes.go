package disk

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/scanner/disk/ext4"
	"github.com/limpet-security/limpet/scanner/disk/volume"
	"github.com/limpet-security/limpet/scanner/disk/xfs"
)

// Volume is what is on one partition.
type Volume struct {
	Partition
	Kind string    // ext4, xfs; or what it is instead: swap, LVM (thin), NTFS, ...
	FS   volume.FS // nil: not read
	At   string    // where the system of the disk mounts it; "" if it does not say
	// Idle says that no system's files can be missed by not reading it.
	Idle bool
	Err  error // why it cannot be read, of a kind that is read
}

// signatures tell what else may be on a partition.
var signatures = []struct {
	kind  string
	at    int64
	magic string
	idle  bool
}{
	{"btrfs", 65600, "_BHRfS_M", false}, {"LUKS (encrypted)", 0, "LUKS\xba\xbe", false}, {"LVM", 536, "LVM2 001", false}, {"LVM", 24, "LVM2 001", false},
	{"NTFS", 3, "NTFS    ", false}, {"BitLocker (encrypted)", 3, "-FVE-FS-", false}, {"exFAT", 3, "EXFAT   ", false}, {"FAT", 82, "FAT32   ", false}, {"FAT", 54, "FAT1", false},
	{"swap", 4086, "SWAPSPACE2", true}, {"swap", 65526, "SWAPSPACE2", true}, {"F2FS", 1024, "\x10\x20\xf5\xf2", false}, {"SquashFS", 0, "hsqs", false}, {"EROFS", 1024, "\xe2\xe1\xf5\xe0", false},
	{"ISO 9660", 32769, "CD001", false}, {"software RAID", 4096, "\xfc\x4e\x2b\xa9", false}, {"software RAID", 0, "\xfc\x4e\x2b\xa9", false}, {"ZFS", 131072 + 0, "\x0c\xb1\xba\x00", false},
	{"ReiserFS", 65588, "ReIsEr", false}, {"JFS", 32768, "JFS1", false}, {"APFS", 32, "NXSB", false},
}

// fileSystem names what a piece of a disk holds, "" if nothing is recognised.
func fileSystem(r io.ReaderAt) string {
	switch {
	case ext4.Is(r):
		return "ext4"
	case xfs.Is(r):
		return "xfs"
	}
	for _, s := range signatures {
		b := make([]byte, len(s.magic))
		if n, _ := r.ReadAt(b, s.at); n == len(b) && string(b) == s.magic {
			return s.kind
		}
	}
	return ""
}

// Volumes opens what is on the partitions, the root first, and finds where
// each is mounted.
func (d *Disk) Volumes() ([]Volume, error) {
	parts, err := d.Partitions()
	if err != nil {
		return nil, err
	}
	var list []Volume
	for _, p := range parts {
		list = append(list, volumeOn(p, io.NewSectionReader(d, p.At, p.Size)))
	}
	list = d.lvmGroups(list)
	mount(list)
	slices.SortStableFunc(list, func(a, b Volume) int { return strings.Compare(order(a), order(b)) })
	return list, nil
}

// order puts what is mounted before what is not, outer folders before inner ones.
func order(v Volume) string {
	if v.At == "" {
		return "~"
	}
	return v.At
}

// volumeOn opens what is on a partition or a logical volume, which r reads.
func volumeOn(p Partition, r io.ReaderAt) Volume {
	v := Volume{Partition: p, Kind: fileSystem(r)}
	switch v.Kind {
	case "ext4":
		v.open(func() (volume.FS, error) { return ext4.Open(r, p.Size) })
	case "xfs":
		v.open(func() (volume.FS, error) { return xfs.Open(r, p.Size) })
	case "FAT":
		v.Idle = p.Type == gptEFI || p.Type == "0xef" // it starts systems, and holds none
	case "swap":
		v.Idle = true
	case "":
		v.Kind = "nothing that is known"
		v.Idle = p.Type == gptBIOS || p.Type == gptResv || p.Type == gptPReP || p.Type == gptSwap || p.Type == "0x82" || empty(r, p.Size)
	}
	return v
}

// open keeps the file system, or why there is none. A panic of a reader is a
// damaged file system.
func (v *Volume) open(f func() (volume.FS, error)) {
	defer func() {
		if p := recover(); p != nil {
			v.FS, v.Err = nil, volume.Broken("reading it went wrong: %v", p)
		}
	}()
	fs, err := f()
	if err != nil {
		v.Err = err
		return
	}
	v.FS = fs
}

// empty says that nothing but zeros stands where file systems begin.
func empty(r io.ReaderAt, size int64) bool {
	b := make([]byte, min(size, 1<<20))
	n, _ := r.ReadAt(b, 0)
	return !slices.ContainsFunc(b[:n], func(c byte) bool { return c != 0 })
}

// maxTable is the largest /etc/fstab that is read.
const maxTable = 1 << 20

// mount finds the root, and by its /etc/fstab where the others belong.
func mount(list []Volume) {
	root := -1
	for i := range list {
		if list[i].FS != nil && looksLikeRoot(list[i].FS) {
			root = i
			break
		}
	}
	if root < 0 {
		return
	}
	list[root].At = "/"
	for line := range strings.Lines(string(readFile(list[root].FS, "/etc/fstab", maxTable))) {
		f := strings.Fields(line)
		if len(f) < 3 || strings.HasPrefix(f[0], "#") || !strings.HasPrefix(f[1], "/") {
			continue
		}
		at := path.Clean(f[1])
		key, value, _ := strings.Cut(f[0], "=")
		value = strings.ToLower(strings.Trim(value, `"`))
		for i := range list {
			v := &list[i]
			if v.FS == nil || v.At != "" || at == "/" {
				continue
			}
			switch {
			case key == "UUID" && strings.EqualFold(v.FS.UUID(), value), key == "LABEL" && v.FS.Label() != "" && strings.EqualFold(v.FS.Label(), value), key == "PARTUUID" && v.UUID != "" && v.UUID == value, device(f[0], v.Name):
				v.At = at
			}
		}
	}
}

// device says that /dev/sda2 and its like are the partition of that number, and
// /dev/group/volume and /dev/mapper/group-volume the logical volume.
func device(dev, name string) bool {
	if group, lv, ok := strings.Cut(name, "/"); ok {
		doubled := strings.NewReplacer("-", "--")
		return dev == "/dev/"+name || dev == "/dev/mapper/"+doubled.Replace(group)+"-"+doubled.Replace(lv)
	}
	number, ok := strings.CutPrefix(name, "partition ")
	rest, isDev := strings.CutPrefix(dev, "/dev/")
	if !ok || !isDev {
		return false
	}
	for _, prefix := range []string{"sda", "vda", "xvda", "hda", "nvme0n1p", "mmcblk0p"} {
		if rest == prefix+number {
			return true
		}
	}
	return false
}

// looksLikeRoot: a root has /etc, and /usr or /var.
func looksLikeRoot(fs volume.FS) (yes bool) {
	defer func() { _ = recover() }() // the reading of the files will tell
	names, _ := fs.List(fs.Root())
	has := map[string]bool{}
	for _, n := range names {
		has[n.Name] = true
	}
	return has["etc"] && (has["usr"] || has["var"] || has["bin"])
}

// readFile gives a small file, nothing if it cannot be read. Links are not followed.
func readFile(fs volume.FS, name string, limit int64) (b []byte) {
	defer func() {
		if recover() != nil {
			b = nil // as above
		}
	}()
	at := fs.Root()
	for _, part := range strings.Split(strings.TrimPrefix(name, "/"), "/") {
		names, _ := fs.List(at)
		i := slices.IndexFunc(names, func(n volume.Name) bool { return n.Name == part })
		if i < 0 {
			return nil
		}
		at = names[i].Inode
	}
	st, err := fs.Stat(at)
	if err != nil || !st.Mode.IsRegular() {
		return nil
	}
	r, err := fs.Open(at)
	if err != nil {
		return nil
	}
	b, _ = volume.Whole(r, st.Size, limit)
	return b
}

// String names a volume for people.
func (v Volume) String() string {
	s := fmt.Sprintf("%s, %s", v.Name, v.Kind)
	if v.At != "" {
		s += ", " + v.At
	}
	return s
}
