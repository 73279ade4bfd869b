package rpmdb

import "encoding/binary"

// ndb reads the slots, each of which says where a package's blob lies.
func (d *reader) ndb(head []byte) error {
	order := binary.LittleEndian
	if v := order.Uint32(head[4:]); v != 0 {
		return damaged("NDB of version %d", v)
	}
	pages := int64(order.Uint32(head[12:]))
	if pages < 1 || pages*4096 > d.size {
		return damaged("%d pages of slots", pages)
	}
	slots, err := d.at(32, int(pages*4096-32))
	if err != nil {
		return err
	}
	for ; len(slots) >= 16; slots = slots[16:] {
		if string(slots[:4]) != "Slot" {
			return damaged("a slot without its mark")
		}
		index := order.Uint32(slots[4:])
		if index == 0 {
			continue
		}
		at := int64(order.Uint32(slots[8:])) * 16
		blob, err := d.at(at, 16)
		if err != nil {
			return err
		}
		if string(blob[:4]) != "BlbS" || order.Uint32(blob[4:]) != index {
			return damaged("slot %d leads to something else", index)
		}
		length := int64(order.Uint32(blob[12:]))
		if err := d.spend(length); err != nil {
			return err
		}
		b, err := d.at(at+16, int(length))
		if err != nil {
			return err
		}
		if err := d.header(b); err != nil {
			return err
		}
	}
	return nil
}
