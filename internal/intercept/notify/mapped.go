package notify

import (
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/limpet-security/limpet/internal/kernel/linux"
	"github.com/limpet-security/limpet/internal/kernel/procfs"
)

// devices knows which device a mapping shows for a file, by the one that stat
// gives: overlayfs and btrfs have two. The number of an inode alone tells no file,
// since every file system counts by itself.
type devices struct {
	mu sync.Mutex
	m  map[uint64]uint64
}

const maxDevices = 256

func (d *devices) shown(st uint64) (dev uint64, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dev, ok = d.m[st]
	return dev, ok
}

// mappedAs says whether a file of a device and number is what a mapping shows;
// known: that can be told.
func (d *devices) mappedAs(dev, ino uint64, v *procfs.VMA) (same, known bool) {
	shows := unix.Mkdev(v.Major, v.Minor)
	if ino != v.Ino || dev == shows {
		return ino == v.Ino, true
	}
	other, known := d.shown(dev)
	return other == shows, known
}

// isMapped says whether an object is what a mapping shows.
func (p place) isMapped(o *object, v *procfs.VMA) bool {
	d := &p.s.devices
	same, known := d.mappedAs(o.file.Dev, o.file.Ino, v)
	if known {
		return same
	}
	fd := p.reopen(o)
	if fd < 0 {
		return false
	}
	defer linux.Close(fd)
	b, err := syscall.Mmap(fd, 0, pageSize, syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		return false
	}
	defer func() { _ = syscall.Munmap(b) }()
	maps, err := linux.OpenAt(linux.AtFDCWD, "/proc/self/maps", syscall.O_RDONLY)
	if err != nil {
		return false
	}
	defer linux.Close(maps)
	at := uint64(uintptr(unsafe.Pointer(&b[0])))
	ours, err := procfs.VMAs(maps, at, at+1)
	if err != nil || len(ours) != 1 || ours[0].Ino != v.Ino {
		return false
	}
	d.mu.Lock()
	if d.m == nil || len(d.m) >= maxDevices {
		d.m = make(map[uint64]uint64)
	}
	d.m[o.file.Dev] = unix.Mkdev(ours[0].Major, ours[0].Minor)
	d.mu.Unlock()
	same, _ = d.mappedAs(o.file.Dev, o.file.Ino, v)
	return same
}
