package disk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// What can be wrong with an image. Match with errors.Is.
var (
	ErrBroken      = errors.New("the disk image is damaged")
	ErrUnsupported = errors.New("the disk image is of a kind that is not read")
	ErrBacking     = errors.New("the disk image stands upon another one")
)

func broken(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrBroken, fmt.Sprintf(format, a...))
}

func unsupported(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrUnsupported, fmt.Sprintf(format, a...))
}

// Disk is an open image.
type Disk struct {
	Format string // raw, qcow2, vmdk
	Size   int64  // bytes of the disk that it holds
	r      io.ReaderAt
	close  func() error
}

// ReadAt reads of the disk.
func (d *Disk) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 || at >= d.Size {
		return 0, io.EOF
	}
	if int64(len(p)) > d.Size-at {
		n, err := d.r.ReadAt(p[:d.Size-at], at)
		if err == nil {
			err = io.EOF
		}
		return n, err
	}
	return d.r.ReadAt(p, at)
}

// Close closes the file.
func (d *Disk) Close() error { return d.close() }

// foreign are images that we know and do not read, by how they begin.
var foreign = []struct{ name, magic string }{
	{"VHDX", "vhdxfile"}, {"VHD", "conectix"}, {"VDI", "<<< Oracle VM VirtualBox Disk Image >>>\n"}, {"QED", "QED\x00"}, {"VMDK (ESX sparse)", "COWD"}, {"Parallels", "WithoutFreeSpace"}, {"DMG", "koly"}, {"a compressed file", "\x1f\x8b"}, {"a compressed file", "\x28\xb5\x2f\xfd"}, {"a compressed file", "\xfd7zXZ\x00"}, {"EWF", "EVF\x09\x0d\x0a\xff\x00"}, {"LUKS", "LUKS\xba\xbe"},
}

// Open opens an image.
func Open(name string) (*Disk, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	d, err := open(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d.close = f.Close
	return d, nil
}

func open(f *os.File) (*Disk, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size := st.Size()
	if st.Mode()&os.ModeDevice != 0 {
		if size, err = f.Seek(0, io.SeekEnd); err != nil {
			return nil, err
		}
	} else if !st.Mode().IsRegular() {
		return nil, unsupported("it is no file")
	}
	return fromReader(f, size)
}

func fromReader(f io.ReaderAt, size int64) (*Disk, error) {
	head := make([]byte, 512)
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if n < len(head) {
		return nil, broken("%d bytes are no disk", n)
	}
	d := &Disk{Format: "raw", Size: size, r: f}
	switch {
	case string(head[:4]) == "QFI\xfb":
		q, err := openQCOW(f, size)
		if err != nil {
			return nil, err
		}
		d.Format, d.Size, d.r = "qcow2", q.size, q
	case string(head[:4]) == "KDMV":
		v, err := openVMDK(f, size)
		if err != nil {
			return nil, err
		}
		d.Format, d.Size, d.r = "vmdk", v.size, v
	case strings.HasPrefix(string(head), "# Disk DescriptorFile"):
		return nil, unsupported("it is the description of a VMDK whose data lies in other files; name that file, or make one of all with qemu-img convert")
	default:
		for _, k := range foreign {
			if strings.HasPrefix(string(head), k.magic) {
				return nil, unsupported("%s; make it raw or qcow2 with qemu-img convert", k.name)
			}
		}
	}
	d.r = newCache(d.r, d.Size)
	return d, nil
}
