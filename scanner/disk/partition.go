package disk

import (
	"fmt"
	"io"
)

// Limits of a partition table.
const (
	maxPartitions = 128
	maxLogical    = 64
)

// Partition is a piece of a disk.
type Partition struct {
	Name string // "partition 2", as its number is; "disk" where there is no table
	Type string // GPT: the type's GUID; MBR: "0x83"
	UUID string // GPT: its own
	At   int64
	Size int64
}

const (
	gptEFI   = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
	gptBIOS  = "21686148-6449-6e6f-744e-656564454649"
	gptSwap  = "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"
	gptResv  = "e3c9e316-0b5c-4db8-817d-f92df00215ae" // Microsoft's reserved one
	gptPReP  = "9e1a2d38-c612-4316-aa26-8b49521e5a8b"
	protects = 0xee
)

// Partitions reads the disk's table. Without one the disk is one piece.
func (d *Disk) Partitions() ([]Partition, error) {
	b := make([]byte, sector)
	if n, err := d.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("cannot read the disk: %w", err)
	}
	whole := []Partition{{Name: "disk", Size: d.Size}}
	if b[510] != 0x55 || b[511] != 0xaa || fileSystem(io.NewSectionReader(d, 0, d.Size)) != "" {
		return whole, nil
	}
	for i := range 4 {
		if b[446+16*i+4] == protects {
			for _, size := range []int64{512, 4096} {
				if list, err := d.gpt(size); list != nil || err != nil {
					return list, err
				}
			}
			return nil, broken("its partition table (GPT) is not there")
		}
	}
	list, err := d.mbr(b)
	if err == nil && len(list) == 0 {
		return whole, nil
	}
	return list, err
}

func (d *Disk) mbr(b []byte) ([]Partition, error) {
	var list []Partition
	for i := range 4 {
		e := b[446+16*i:]
		p := Partition{Name: fmt.Sprint("partition ", i+1), Type: fmt.Sprintf("%#02x", e[4]), At: int64(le.Uint32(e[8:])) * sector, Size: int64(le.Uint32(e[12:])) * sector}
		switch e[4] {
		case 0:
			continue
		case 0x05, 0x0f, 0x85:
			logical, err := d.logical(p.At)
			if err != nil {
				return list, err
			}
			list = append(list, logical...)
			continue
		}
		list = append(list, p)
	}
	return list, d.inside(list)
}

// logical follows the chain of logical partitions, each step forward.
func (d *Disk) logical(base int64) ([]Partition, error) {
	var list []Partition
	b := make([]byte, sector)
	for at, last := base, int64(-1); ; {
		if at <= last || len(list) == maxLogical {
			return nil, broken("its logical partitions go in a circle")
		}
		if n, err := d.ReadAt(b, at); n < len(b) || b[510] != 0x55 || b[511] != 0xaa {
			return nil, broken("the chain of its logical partitions breaks off (%v)", err)
		}
		if e := b[446:]; e[4] != 0 {
			list = append(list, Partition{Name: fmt.Sprint("partition ", 5+len(list)), Type: fmt.Sprintf("%#02x", e[4]), At: at + int64(le.Uint32(e[8:]))*sector, Size: int64(le.Uint32(e[12:])) * sector})
		}
		next := b[446+16:]
		if next[4] == 0 || le.Uint32(next[8:]) == 0 {
			return list, nil
		}
		at, last = base+int64(le.Uint32(next[8:]))*sector, at
	}
}

func guid(b []byte) string {
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:10], b[10:16])
}

// gpt reads a GPT of a disk with sectors of this size; nothing if there is none.
func (d *Disk) gpt(size int64) ([]Partition, error) {
	h := make([]byte, 92)
	if n, _ := d.ReadAt(h, size); n < len(h) || string(h[:8]) != "EFI PART" {
		return nil, nil
	}
	at, count, each := int64(le.Uint64(h[72:])), int64(le.Uint32(h[80:])), int64(le.Uint32(h[84:]))
	if each < 128 || each > 4096 || count > 4096 || at < 0 || at > d.Size/size {
		return nil, broken("the numbers of its partition table cannot be")
	}
	list := []Partition{}
	e := make([]byte, 128)
	for i := range count {
		if n, err := d.ReadAt(e, at*size+i*each); n < len(e) {
			return nil, fmt.Errorf("cannot read the partition table: %w", err)
		}
		kind := guid(e)
		if kind == "00000000-0000-0000-0000-000000000000" {
			continue
		}
		if len(list) == maxPartitions {
			return nil, broken("it has more than %d partitions", maxPartitions)
		}
		first, last := le.Uint64(e[32:]), le.Uint64(e[40:])
		if first > last || last > 1<<50 {
			return nil, broken("partition %d ends before it begins", i+1)
		}
		list = append(list, Partition{Name: fmt.Sprint("partition ", i+1), Type: kind, UUID: guid(e[16:]), At: int64(first) * size, Size: int64(last-first+1) * size})
	}
	return list, d.inside(list)
}

// inside refuses partitions that do not lie on the disk at all; the last may be cut.
func (d *Disk) inside(list []Partition) error {
	for i, p := range list {
		if p.At <= 0 || p.At >= d.Size || p.Size <= 0 {
			return broken("%s lies outside of the disk", p.Name)
		}
		list[i].Size = min(p.Size, d.Size-p.At)
	}
	return nil
}
