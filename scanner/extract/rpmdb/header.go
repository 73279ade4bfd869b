package rpmdb

import (
	"bytes"
	"encoding/binary"
	"path"
)

// Tags of a header that we use (rpm's rpmtag.h).
const (
	tagName       = 1000
	tagVersion    = 1001
	tagRelease    = 1002
	tagEpoch      = 1003
	tagLicense    = 1014
	tagArch       = 1022
	tagSourceRPM  = 1044
	tagDirIndexes = 1116
	tagBaseNames  = 1117
	tagDirNames   = 1118
	tagModule     = 5096
)

// Types of a tag's data.
const (
	typeInt32       = 4
	typeString      = 6
	typeStringArray = 8
	typeI18N        = 9
)

// header reads one package: a count of entries, a count of data bytes, the
// entries, the data.
func (d *reader) header(b []byte) error {
	if len(b) < 8 {
		return damaged("a header of %d bytes", len(b))
	}
	entries, length := int64(binary.BigEndian.Uint32(b)), int64(binary.BigEndian.Uint32(b[4:]))
	if 8+16*entries+length > int64(len(b)) {
		return damaged("a header promises more than it has")
	}
	data := b[8+16*entries : 8+16*entries+length]
	var p Package
	var dirs, bases [][]byte
	var indexes []byte
	for i := range entries {
		e := b[8+16*i:]
		tag, kind := binary.BigEndian.Uint32(e), binary.BigEndian.Uint32(e[4:])
		offset, count := int64(binary.BigEndian.Uint32(e[8:])), int64(binary.BigEndian.Uint32(e[12:]))
		if offset > length {
			continue // of a region, or of no use
		}
		at := data[offset:]
		switch tag {
		case tagName:
			p.Name = text(kind, at)
		case tagVersion:
			p.Version = text(kind, at)
		case tagRelease:
			p.Release = text(kind, at)
		case tagArch:
			p.Arch = text(kind, at)
		case tagLicense:
			p.License = text(kind, at)
		case tagSourceRPM:
			p.SourceRPM = text(kind, at)
		case tagModule:
			p.Module = text(kind, at)
		case tagEpoch:
			if kind == typeInt32 && len(at) >= 4 {
				p.Epoch = int(binary.BigEndian.Uint32(at))
			}
		case tagDirNames:
			dirs = texts(kind, at, count)
		case tagBaseNames:
			bases = texts(kind, at, count)
		case tagDirIndexes:
			if kind == typeInt32 && count*4 <= int64(len(at)) {
				indexes = at[:count*4]
			}
		}
	}
	if p.Name == "" || p.Version == "" {
		return damaged("a package without name or version")
	}
	if len(bases)*4 == len(indexes) {
		if d.files += len(bases); d.files > MaxFiles {
			return damaged("more than %d files", MaxFiles)
		}
		for i, base := range bases {
			if n := binary.BigEndian.Uint32(indexes[4*i:]); int64(n) < int64(len(dirs)) && len(dirs[n]) < 4096 {
				p.Files = append(p.Files, path.Join("/", string(dirs[n]), string(base)))
			}
		}
	}
	if len(d.packages) >= MaxPackages {
		return damaged("more than %d packages", MaxPackages)
	}
	d.packages = append(d.packages, p)
	return nil
}

func text(kind uint32, b []byte) string {
	if kind != typeString && kind != typeI18N {
		return ""
	}
	n := bytes.IndexByte(b, 0)
	if n < 0 || n > 1024 {
		return ""
	}
	return string(b[:n])
}

func texts(kind uint32, b []byte, count int64) [][]byte {
	if kind != typeStringArray || count > int64(len(b)) {
		return nil
	}
	out := make([][]byte, 0, count)
	for range count {
		n := bytes.IndexByte(b, 0)
		if n < 0 {
			return nil
		}
		out = append(out, b[:n])
		b = b[n+1:]
	}
	return out
}
