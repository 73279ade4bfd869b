package linux

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Bounds of a look at what lies deeper than the kernel can say (PATH_MAX).
const (
	maxDeepSteps   = 1024      // folders above
	maxDeepEntries = 256 << 10 // bytes of folders' entries that are read
)

// PathOf is what the kernel calls the object behind a descriptor. For a folder
// whose path is too long for the kernel it is put together, name by name; for
// anything else that lies so deep it is ENAMETOOLONG.
func PathOf(fd int) (string, error) {
	path, err := pathOf(fd)
	if err == unix.ENAMETOOLONG {
		return deepPath(fd)
	}
	return path, err
}

func pathOf(fd int) (string, error) {
	dir, name := fdName(fd)
	return ReadlinkAt(dir, name)
}

// deepPath goes up until the kernel can say where that is.
func deepPath(fd int) (string, error) {
	const folder = OPath | ODirectory
	cur, err := OpenAt(fd, ".", folder)
	if err != nil {
		return "", unix.ENAMETOOLONG // no folder, or closed to us
	}
	defer func() { Close(cur) }()
	below, left := "", maxDeepEntries
	for range maxDeepSteps {
		up, err := OpenAt(cur, "..", unix.O_RDONLY|ODirectory)
		if err != nil {
			break
		}
		name, n := nameIn(up, cur, left)
		Close(cur)
		cur = up
		if name == "" {
			break
		}
		below, left = "/"+name+below, left-n
		path, err := pathOf(up)
		if err == nil {
			return path + below, nil
		}
		if err != unix.ENAMETOOLONG {
			break
		}
	}
	return "", unix.ENAMETOOLONG
}

// nameIn looks for the name of a folder in the one above, and says how much it
// read.
func nameIn(up, fd, most int) (name string, read int) {
	var want, st Stat
	if err := Fstat(fd, &want); err != nil {
		return "", 0
	}
	buf := make([]byte, 16<<10)
	for read < most {
		n, err := unix.ReadDirent(up, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			break
		}
		read += n
		for b := buf[:n]; len(b) > direntHead; {
			size := int(binary.NativeEndian.Uint16(b[16:]))
			if size <= direntHead || size > len(b) {
				break
			}
			entry, _, _ := bytes.Cut(b[direntHead:size], []byte{0})
			if ino := binary.NativeEndian.Uint64(b); ino == want.Ino && string(entry) != "." && string(entry) != ".." &&
				StatAt(up, string(entry), &st, AtSymNofollow) == nil && st.Ino == want.Ino && st.Dev == want.Dev {
				return string(entry), read
			}
			b = b[size:]
		}
	}
	return "", read
}

// direntHead is what stands before the name in a linux_dirent64: inode 8,
// offset 8, length 2, type 1.
const direntHead = 19
