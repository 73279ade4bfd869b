package xfs

import (
	"io/fs"

	"github.com/limpet-security/limpet/scanner/disk/volume"
)

// leafOffset is where in a folder's data the hashes begin: names lie before it.
const leafOffset = 32 << 30

// List gives the names in a folder.
func (f *FS) List(n uint64) ([]volume.Name, error) {
	i, err := f.inode(n)
	if err != nil {
		return nil, err
	}
	if i.mode()&fs.ModeDir == 0 {
		return nil, volume.Broken("inode %d is no folder", n)
	}
	if i.format == formatLocal {
		return f.short(i.fork)
	}
	pieces, err := f.pieces(i)
	if err != nil {
		return nil, err
	}
	end := int64(0)
	for _, p := range pieces {
		if p.Logical < leafOffset {
			end = max(end, p.Logical+p.Length)
		}
	}
	if end > volume.MaxFolder {
		return nil, volume.Broken("a folder of %d bytes", end)
	}
	r, err := volume.NewFile(f.r, end, f.size, pieces)
	if err != nil {
		return nil, err
	}
	var names []volume.Name
	b := make([]byte, f.dirBlock)
	for at := int64(0); at+f.dirBlock <= end; at += f.dirBlock {
		if k, err := r.ReadAt(b, at); int64(k) < f.dirBlock {
			return names, err
		}
		if names, err = f.data(names, b); err != nil {
			return names, err
		}
	}
	return names, nil
}

// short reads a folder that lies in its inode.
func (f *FS) short(b []byte) ([]volume.Name, error) {
	if len(b) < 6 {
		return nil, volume.Broken("a folder of %d bytes", len(b))
	}
	count, wide := int(b[0]), 4
	if b[1] > 0 { // numbers of eight bytes
		wide, count = 8, max(count, int(b[1]))
	}
	b = b[2+min(wide, len(b)-2):]
	var names []volume.Name
	for range count {
		if len(b) < 3 {
			return names, volume.Broken("a folder ends within a name")
		}
		name, rest := int(b[0]), wide
		if f.ftype {
			rest++
		}
		if 3+name+rest > len(b) {
			return names, volume.Broken("a folder ends within a name")
		}
		at := b[3+name+rest-wide:]
		inode := uint64(be.Uint32(at))
		if wide == 8 {
			inode = be.Uint64(at) & (1<<56 - 1)
		}
		names = append(names, volume.Name{Name: string(b[3 : 3+name]), Inode: inode})
		b = b[3+name+rest:]
	}
	return names, nil
}

// data reads the names of one block.
func (f *FS) data(names []volume.Name, b []byte) ([]volume.Name, error) {
	header, end := 16, len(b)
	if f.v5 {
		header = 64
	}
	switch string(b[:4]) {
	case "XD2D", "XDD3":
	case "XD2B", "XDB3": // the hashes stand at the end of the only block
		count := int64(be.Uint32(b[len(b)-8:]))
		if count*8+8 > int64(len(b)-header) {
			return names, volume.Broken("a folder's block has %d hashes", count)
		}
		end -= int(count)*8 + 8
	case "\x00\x00\x00\x00":
		return names, nil // a hole
	default:
		return names, volume.Broken("no names where they should be")
	}
	for at := header; at+8 <= end; {
		if be.Uint16(b[at:]) == 0xffff { // unused
			n := int(be.Uint16(b[at+2:]))
			if n < 8 {
				return names, volume.Broken("a gap of %d bytes in a folder", n)
			}
			at += n
			continue
		}
		if at+9 > end {
			break
		}
		name := int(b[at+8])
		size := 8 + 1 + name + 2
		if f.ftype {
			size++
		}
		size = (size + 7) &^ 7
		if name == 0 || at+size > end {
			return names, volume.Broken("a folder's block ends within a name")
		}
		if s := string(b[at+9 : at+9+name]); s != "." && s != ".." {
			if len(names) == volume.MaxNames {
				return names, volume.Broken("a folder has more than %d names", volume.MaxNames)
			}
			names = append(names, volume.Name{Name: s, Inode: be.Uint64(b[at:])})
		}
		at += size
	}
	return names, nil
}
