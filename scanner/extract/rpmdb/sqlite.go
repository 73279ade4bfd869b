package rpmdb

import (
	"encoding/binary"
	"strings"
)

// Of SQLite's file format.
const (
	interiorTable = 5
	leafTable     = 13
	maxDepth      = 20
)

// table is what of a SQLite file is needed to walk a table.
type table struct {
	d      *reader
	size   int64 // of a page
	usable int64
}

// sqlite finds the table Packages in the schema and reads its blobs.
func (d *reader) sqlite(head []byte) error {
	t := &table{d: d, size: int64(binary.BigEndian.Uint16(head[16:]))}
	if t.size == 1 {
		t.size = 65536
	}
	if t.size < 512 || t.size&(t.size-1) != 0 {
		return damaged("pages of %d bytes", t.size)
	}
	if t.usable = t.size - int64(head[20]); t.usable < 480 {
		return damaged("%d bytes of a page can be used", t.usable)
	}
	d.pages = 2*(d.size/t.size) + 2
	root := int64(0)
	err := t.rows(1, 0, func(record []byte) error {
		f, err := fields(record)
		if err != nil || len(f) < 4 {
			return err
		}
		if string(f[0]) == "table" && strings.EqualFold(string(f[1]), "Packages") {
			for _, c := range f[3] {
				root = root<<8 | int64(c)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if root <= 1 {
		return damaged("it has no table Packages")
	}
	return t.rows(root, 0, func(record []byte) error {
		f, err := fields(record)
		if err != nil {
			return err
		}
		if len(f) < 2 {
			return damaged("a row of %d fields", len(f))
		}
		return d.header(f[1])
	})
}

// rows calls each for the records below a page, in order.
func (t *table) rows(n int64, depth int, each func([]byte) error) error {
	if depth > maxDepth || n < 1 {
		return damaged("its pages refer to each other in circles")
	}
	p, err := t.d.page(n-1, t.size)
	if err != nil {
		return err
	}
	h := 0
	if n == 1 {
		h = 100
	}
	header := 8
	if p[h] == interiorTable {
		header = 12
	} else if p[h] != leafTable {
		return damaged("page %d is of no table", n)
	}
	cells := int(binary.BigEndian.Uint16(p[h+3:]))
	if h+header+2*cells > len(p) {
		return damaged("page %d has %d cells", n, cells)
	}
	for i := range cells {
		at := int(binary.BigEndian.Uint16(p[h+header+2*i:]))
		if at+4 > int(t.usable) {
			return damaged("a cell of page %d lies outside", n)
		}
		if header == 12 {
			if err := t.rows(int64(binary.BigEndian.Uint32(p[at:])), depth+1, each); err != nil {
				return err
			}
			continue
		}
		record, err := t.record(p[at:t.usable])
		if err != nil {
			return err
		}
		if err := each(record); err != nil {
			return err
		}
	}
	if header == 12 {
		return t.rows(int64(binary.BigEndian.Uint32(p[h+8:])), depth+1, each)
	}
	return nil
}

// record gives a cell's payload, with what lies on overflow pages.
func (t *table) record(cell []byte) ([]byte, error) {
	length, cell, ok := varint(cell)
	if ok {
		_, cell, ok = varint(cell) // the row's number
	}
	if !ok {
		return nil, damaged("a cell breaks off")
	}
	local := length
	if most := t.usable - 35; length > most {
		least := (t.usable-12)*32/255 - 23
		if local = least + (length-least)%(t.usable-4); local > most {
			local = least
		}
	}
	if err := t.d.spend(length); err != nil {
		return nil, err
	}
	if local > int64(len(cell)) || local < length && local+4 > int64(len(cell)) {
		return nil, damaged("a cell breaks off")
	}
	out := append(make([]byte, 0, length), cell[:local]...)
	if local == length {
		return out, nil
	}
	for next := int64(binary.BigEndian.Uint32(cell[local:])); int64(len(out)) < length; {
		if next == 0 {
			return nil, damaged("a row ends early")
		}
		p, err := t.d.page(next-1, t.size)
		if err != nil {
			return nil, err
		}
		next = int64(binary.BigEndian.Uint32(p))
		out = append(out, p[4:4+min(t.usable-4, length-int64(len(out)))]...)
	}
	return out, nil
}

// fields takes a record apart: a header of types, then the values.
func fields(record []byte) ([][]byte, error) {
	length, types, ok := varint(record)
	if !ok || length > int64(len(record)) || length < int64(len(record)-len(types)) {
		return nil, damaged("a row without its header")
	}
	types = types[:length-int64(len(record)-len(types))]
	body := record[length:]
	var out [][]byte
	for len(types) > 0 && len(out) < 16 {
		var kind int64
		if kind, types, ok = varint(types); !ok {
			return nil, damaged("a row without its header")
		}
		var n int64
		switch {
		case kind >= 12:
			n = (kind - 12) / 2
		case kind == 5:
			n = 6
		case kind == 6 || kind == 7:
			n = 8
		case kind >= 1 && kind <= 4:
			n = kind
		}
		if n > int64(len(body)) {
			return nil, damaged("a row ends early")
		}
		out = append(out, body[:n])
		body = body[n:]
	}
	return out, nil
}

// varint reads SQLite's: up to nine bytes, the high bits first.
func varint(b []byte) (int64, []byte, bool) {
	var v uint64
	for i := 0; i < len(b) && i < 9; i++ {
		if i == 8 {
			v = v<<8 | uint64(b[i])
			return int64(v), b[9:], int64(v) >= 0
		}
		v = v<<7 | uint64(b[i]&0x7f)
		if b[i] < 0x80 {
			return int64(v), b[i+1:], true
		}
	}
	return 0, nil, false
}
