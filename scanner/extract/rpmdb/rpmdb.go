package rpmdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Package is one installed package.
type Package struct {
	Name, Version, Release, Arch string
	Epoch                        int
	License, SourceRPM, Module   string
	Files                        []string // absolute
}

// ErrDamaged is a file that is no rpm database, or a damaged one.
var ErrDamaged = errors.New("damaged rpm database")

// Limits of what is read.
const (
	MaxHeader   = 64 << 20  // bytes of one package's header
	MaxPackages = 100_000   // of one database
	MaxFiles    = 2_000_000 // of all packages
)

func damaged(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, a...))
}

// reader collects packages; its limits hold for the whole file.
type reader struct {
	r        io.ReaderAt
	size     int64
	bytes    int64 // of headers that may still be read
	pages    int64 // that may still be read
	files    int
	packages []Package
}

// Read gives the packages of a database of size bytes. With an error come
// those that were read before it.
func Read(r io.ReaderAt, size int64) ([]Package, error) {
	d := &reader{r: r, size: size, bytes: size}
	head := make([]byte, 100)
	n, err := r.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch head = head[:n]; {
	case n < 36:
		return nil, damaged("%d bytes", n)
	case bytes.HasPrefix(head, []byte("SQLite format 3\x00")) && n == 100:
		err = d.sqlite(head)
	case bytes.HasPrefix(head, []byte("RpmP")):
		err = d.ndb(head)
	case binary.LittleEndian.Uint32(head[12:]) == hashMagic:
		err = d.bdb(head, binary.LittleEndian)
	case binary.BigEndian.Uint32(head[12:]) == hashMagic:
		err = d.bdb(head, binary.BigEndian)
	default:
		err = damaged("its beginning is that of none")
	}
	return d.packages, err
}

// at reads n bytes, which must all be in the file.
func (d *reader) at(off int64, n int) ([]byte, error) {
	if off < 0 || n < 0 || off > d.size || int64(n) > d.size-off {
		return nil, damaged("%d bytes at %d lie outside of it", n, off)
	}
	b := make([]byte, n)
	if _, err := d.r.ReadAt(b, off); err != nil {
		return nil, fmt.Errorf("cannot read the rpm database: %w", err)
	}
	return b, nil
}

// page reads a page, of which there are only so many.
func (d *reader) page(n, size int64) ([]byte, error) {
	if d.pages--; d.pages < 0 {
		return nil, damaged("its pages refer to each other in circles")
	}
	return d.at(n*size, int(size))
}

// spend counts the bytes of headers.
func (d *reader) spend(n int64) error {
	if n < 0 || n > MaxHeader {
		return damaged("a header of %d bytes", n)
	}
	if d.bytes -= n; d.bytes < 0 {
		return damaged("its headers are longer than the file")
	}
	return nil
}
