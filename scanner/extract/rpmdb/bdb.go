package rpmdb

import "encoding/binary"

// Of Berkeley DB's hash files.
const (
	hashMagic    = 0x061561
	pageHeader   = 26
	pageUnsorted = 2 // hash pages of old releases
	pageHash     = 13
	pageOverflow = 7
	offPage      = 3 // an item that lies on overflow pages
)

// bdb walks the hash pages; each package is an item on overflow pages.
func (d *reader) bdb(head []byte, order binary.ByteOrder) error {
	size := int64(order.Uint32(head[20:]))
	if size < 512 || size > 65536 || size&(size-1) != 0 {
		return damaged("pages of %d bytes", size)
	}
	last := int64(order.Uint32(head[32:]))
	// Each page is read once as itself and once as what some item refers to.
	d.pages = 2*(d.size/size) + 2
	for n := int64(1); n <= last; n++ {
		p, err := d.page(n, size)
		if err != nil {
			return err
		}
		if t := p[25]; t != pageHash && t != pageUnsorted {
			continue
		}
		items := int(order.Uint16(p[20:]))
		if pageHeader+2*items > len(p) {
			return damaged("page %d has %d items", n, items)
		}
		for i := 1; i < items; i += 2 { // keys and values take turns
			at := int(order.Uint16(p[pageHeader+2*i:]))
			if at < len(p) && p[at] != offPage {
				continue
			}
			if at+12 > len(p) {
				return damaged("an item of page %d lies outside", n)
			}
			b, err := d.overflow(int64(order.Uint32(p[at+4:])), int64(order.Uint32(p[at+8:])), size, order)
			if err != nil {
				return err
			}
			if err := d.header(b); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *reader) overflow(n, length, size int64, order binary.ByteOrder) ([]byte, error) {
	if err := d.spend(length); err != nil {
		return nil, err
	}
	out := make([]byte, 0, length)
	for int64(len(out)) < length {
		if n == 0 {
			return nil, damaged("an item ends early")
		}
		p, err := d.page(n, size)
		if err != nil {
			return nil, err
		}
		if p[25] != pageOverflow {
			return nil, damaged("page %d should be an overflow page", n)
		}
		out = append(out, p[pageHeader:pageHeader+min(size-pageHeader, length-int64(len(out)))]...)
		n = int64(order.Uint32(p[16:]))
	}
	return out, nil
}
