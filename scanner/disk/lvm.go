package disk

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/scanner/disk/volume"
)

// Limits of LVM's metadata.
const (
	maxLVMText     = 16 << 20 // bytes
	maxLVMVolumes  = 256
	maxLVMSegments = 10_000
)

// physical is one of LVM's physical volumes, as its first sectors say.
type physical struct {
	uuid string
	at   int64  // on the disk
	text string // what it says of its volume group
}

// lvmGroups replaces partitions that belong to LVM by the logical volumes that
// lie on this disk as a whole. What cannot be told stays, with the reason.
func (d *Disk) lvmGroups(list []Volume) []Volume {
	var out []Volume
	var disks []physical
	var texts []string
	for _, v := range list {
		if v.Kind != "LVM" {
			out = append(out, v)
			continue
		}
		p, err := d.physical(v.Partition)
		if err != nil {
			v.Err = err
			out = append(out, v)
			continue
		}
		disks = append(disks, p)
		if !slices.Contains(texts, p.text) {
			texts = append(texts, p.text)
		}
	}
	for _, text := range texts {
		more, err := d.logicals(text, disks)
		if err != nil {
			out = append(out, Volume{Partition: Partition{Name: "volume group"}, Kind: "LVM", Err: err})
		}
		out = append(out, more...)
	}
	return out
}

// physical reads the label, and the text that it leads to.
func (d *Disk) physical(p Partition) (physical, error) {
	r := io.NewSectionReader(d, p.At, p.Size)
	head := make([]byte, 4*sector)
	if _, err := r.ReadAt(head, 0); err != nil {
		return physical{}, volume.Broken("LVM's label cannot be read: %v", err)
	}
	for at := 0; at < len(head); at += sector {
		label := head[at : at+sector]
		if string(label[:8]) != "LABELONE" || string(label[24:32]) != "LVM2 001" {
			continue
		}
		body := binary.LittleEndian.Uint32(label[20:])
		if body < 32 || body > sector-40 {
			return physical{}, volume.Broken("LVM's label leads out of its sector")
		}
		pv := label[body:]
		out := physical{uuid: string(pv[:32]), at: p.At}
		// Two lists follow, each ended by zeros: where data is, where metadata is.
		var areas [2][][2]uint64
		which := 0
		for pv = pv[40:]; len(pv) >= 16 && which < 2; pv = pv[16:] {
			offset, size := binary.LittleEndian.Uint64(pv), binary.LittleEndian.Uint64(pv[8:])
			if offset == 0 {
				which++
				continue
			}
			areas[which] = append(areas[which], [2]uint64{offset, size})
		}
		var flaw error
		for _, a := range areas[1] {
			text, err := lvmText(r, a[0], a[1])
			if err == nil {
				out.text = text
				return out, nil
			}
			flaw = err
		}
		if flaw == nil {
			return physical{}, volume.Broken("it does not say what it belongs to")
		}
		return physical{}, flaw
	}
	return physical{}, volume.Broken("LVM's label is not there")
}

// lvmText reads the current text of a metadata area, which is a ring behind its
// header.
func lvmText(r *io.SectionReader, start, size uint64) (string, error) {
	if start > uint64(r.Size()) || size > uint64(r.Size())-start || size < 2*sector {
		return "", volume.Broken("LVM's metadata lies outside of the partition")
	}
	head := make([]byte, sector)
	if _, err := r.ReadAt(head, int64(start)); err != nil {
		return "", volume.Broken("LVM's metadata cannot be read: %v", err)
	}
	if string(head[4:20]) != " LVM2 x[5A%r0N*>" || lvmSum(head[4:]) != binary.LittleEndian.Uint32(head) {
		return "", volume.Broken("LVM's metadata has no sound header")
	}
	where := head[40:]
	offset, length, sum := binary.LittleEndian.Uint64(where), binary.LittleEndian.Uint64(where[8:]), binary.LittleEndian.Uint32(where[16:])
	if offset < sector || offset >= size || length == 0 || length > size-sector || length > maxLVMText {
		return "", volume.Broken("LVM's metadata has %d bytes at %d of %d", length, offset, size)
	}
	text := make([]byte, length)
	first := min(length, size-offset)
	_, err := r.ReadAt(text[:first], int64(start+offset))
	if err == nil && first < length {
		_, err = r.ReadAt(text[first:], int64(start+sector))
	}
	if err != nil || lvmSum(text) != sum {
		return "", volume.Broken("LVM's metadata does not have its checksum")
	}
	return string(bytes.TrimRight(text, "\x00")), nil
}

// lvmSum is LVM's: CRC-32 from a beginning of its own, not turned over at the end.
func lvmSum(b []byte) uint32 { return ^crc32.Update(^uint32(0xf597a6cf), crc32.IEEETable, b) }

// logicals gives the volumes of a group that people see.
func (d *Disk) logicals(text string, disks []physical) ([]Volume, error) {
	root, err := parseLVM(text)
	if err != nil {
		return nil, err
	}
	name, group := "", (*lvmSection)(nil)
	for _, n := range root.names {
		if s := root.sections[n]; s.sections["physical_volumes"] != nil {
			name, group = n, s
		}
	}
	extent := int64(0)
	if group != nil {
		extent = group.numbers["extent_size"] * sector
	}
	if extent <= 0 || extent > 1<<40 {
		return nil, volume.Broken("LVM's metadata names no group of volumes")
	}
	begin := map[string]int64{} // of the data of a physical volume, on the disk
	for _, pv := range group.sections["physical_volumes"].names {
		s := group.sections["physical_volumes"].sections[pv]
		for _, p := range disks {
			if strings.ReplaceAll(s.texts["id"], "-", "") == p.uuid {
				begin[pv] = p.at + s.numbers["pe_start"]*sector
			}
		}
	}
	all := group.sections["logical_volumes"]
	if all == nil {
		return nil, nil
	}
	if len(all.names) > maxLVMVolumes {
		return nil, volume.Broken("%d logical volumes", len(all.names))
	}
	var out []Volume
	for _, lv := range all.names {
		s := all.sections[lv]
		if !slices.Contains(s.lists["status"], "VISIBLE") {
			continue // a part of another
		}
		p := Partition{Name: name + "/" + lv}
		r, kind, err := d.lvmVolume(s, extent, begin)
		switch {
		case err != nil:
			out = append(out, Volume{Partition: p, Kind: "LVM", Err: err})
		case kind != "":
			out = append(out, Volume{Partition: p, Kind: "LVM (" + kind + ")"})
		default:
			p.Size = r.size
			out = append(out, volumeOn(p, r))
		}
	}
	return out, nil
}

// lvmVolume puts a volume's pieces together; kind names what it is made of, where
// that is not pieces one behind the other.
func (d *Disk) lvmVolume(s *lvmSection, extent int64, begin map[string]int64) (r *pieces, kind string, err error) {
	r = &pieces{disk: d}
	var segments []*lvmSection
	for _, n := range s.names {
		if strings.HasPrefix(n, "segment") {
			segments = append(segments, s.sections[n])
		}
	}
	slices.SortStableFunc(segments, func(a, b *lvmSection) int {
		return int(min(max(a.numbers["start_extent"]-b.numbers["start_extent"], -1), 1))
	})
	for _, seg := range segments {
		stripes := seg.mixed["stripes"]
		if t := seg.texts["type"]; t != "striped" || seg.numbers["stripe_count"] != 1 || len(stripes) != 2 {
			if t == "striped" {
				t = "stripes over several disks"
			}
			return nil, printableWord(t), nil
		}
		at, here := begin[stripes[0].text]
		if !here {
			return nil, "on another disk", nil
		}
		start, count, from := seg.numbers["start_extent"], seg.numbers["extent_count"], stripes[1].number
		limit := d.Size / extent
		if start*extent != r.size || start < 0 || start > limit || count <= 0 || count > limit || from < 0 || from > limit || len(r.list) >= maxLVMSegments {
			return nil, "", volume.Broken("LVM's metadata has pieces with gaps, or beyond the disk")
		}
		p := piece{at: r.size, from: at + from*extent, size: count * extent}
		if p.from < 0 || p.from > d.Size-p.size {
			return nil, "", volume.Broken("a logical volume lies beyond the disk")
		}
		r.list = append(r.list, p)
		r.size += p.size
	}
	if r.size == 0 {
		return nil, "", volume.Broken("a logical volume without pieces")
	}
	return r, "", nil
}

func printableWord(s string) string {
	if s == "" || len(s) > 40 || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) {
		return "of an unknown kind"
	}
	return s
}

// piece is a run of a disk that stands in a volume.
type piece struct{ at, from, size int64 }

// pieces reads what lies in pieces on a disk as one.
type pieces struct {
	disk io.ReaderAt
	list []piece // one behind the other
	size int64
}

func (r *pieces) ReadAt(p []byte, at int64) (n int, err error) {
	if at < 0 || at >= r.size {
		return 0, io.EOF
	}
	i, found := slices.BinarySearchFunc(r.list, at, func(p piece, at int64) int {
		return int(min(max(p.at-at, -1), 1))
	})
	if !found {
		i--
	}
	for ; n < len(p) && i < len(r.list); i++ {
		q := r.list[i]
		in := at + int64(n) - q.at
		part := p[n:][:min(int64(len(p)-n), q.size-in)]
		got, err := r.disk.ReadAt(part, q.from+in)
		if n += got; got < len(part) {
			if err == nil {
				err = io.ErrUnexpectedEOF
			}
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
