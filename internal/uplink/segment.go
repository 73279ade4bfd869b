package uplink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/limpet-security/limpet/internal/wire"
)

// A segment file: header, then records until its end.
//
//	header  "LMPSPL1\n" | len(boot id) 1 | boot id
//	record  length of data 4 | CRC-32C of the rest 4 | flags 1 | sequence 8 | data
//
// Numbers are little-endian. A record that does not read whole and right ends
// the segment: what a crash left half written is not an event.
const (
	segmentMagic = "LMPSPL1\n"
	recordHead   = 4 + 4 + 1 + 8
	flagOwn      = 1
	maxBoot      = 64
	// maxRecord is more than an encoded event and the fields that the queue adds.
	maxRecord = wire.MaxEvent + 1024
	// segmentSize is when a new segment is begun. A batch never spans two.
	segmentSize = 1 << 20
)

var (
	crcTable     = crc32.MakeTable(crc32.Castagnoli)
	errDamaged   = errors.New("record is damaged")
	errShort     = errors.New("record is cut short")
	errNoSegment = errors.New("not a spool segment")
)

func segmentHeader(boot string) []byte {
	return append(append([]byte(segmentMagic), byte(len(boot))), boot...)
}

// parseHeader gives the boot id and the length of the header.
func parseHeader(b []byte) (boot string, n int, err error) {
	n = len(segmentMagic) + 1
	if len(b) < n || string(b[:len(segmentMagic)]) != segmentMagic {
		return "", 0, errNoSegment
	}
	l := int(b[n-1])
	if l == 0 || l > maxBoot || len(b) < n+l {
		return "", 0, errNoSegment
	}
	return string(b[n : n+l]), n + l, nil
}

// appendRecord encodes it behind b.
func appendRecord(b []byte, it item) []byte {
	at := len(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(it.data)))
	b = append(b, 0, 0, 0, 0)
	var flags byte
	if it.own {
		flags |= flagOwn
	}
	b = append(b, flags)
	b = binary.LittleEndian.AppendUint64(b, it.seq)
	b = append(b, it.data...)
	sum := crc32.Checksum(b[at+8:], crcTable)
	sum = crc32.Update(sum, crcTable, b[at:at+4])
	binary.LittleEndian.PutUint32(b[at+4:], sum)
	return b
}

// parseRecord reads the record at the start of b; n is its length. The item's
// data lies in b. errShort: b ends before the record does.
func parseRecord(b []byte) (it item, n int, err error) {
	if len(b) < recordHead {
		return item{}, 0, errShort
	}
	l := int(binary.LittleEndian.Uint32(b))
	if l > maxRecord {
		return item{}, 0, fmt.Errorf("%w: %d bytes", errDamaged, l)
	}
	n = recordHead + l
	if len(b) < n {
		return item{}, 0, errShort
	}
	sum := crc32.Checksum(b[8:n], crcTable)
	sum = crc32.Update(sum, crcTable, b[:4])
	if sum != binary.LittleEndian.Uint32(b[4:]) {
		return item{}, 0, errDamaged
	}
	return item{own: b[8]&flagOwn != 0, seq: binary.LittleEndian.Uint64(b[9:]), data: b[recordHead:n:n]}, n, nil
}
