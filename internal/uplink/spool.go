package uplink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// spool is the queue on disk: segment files, written at the end of the last
// and read from the cursor in the first. The pump alone uses it.
//
// Writes are not synced: events survive the end of the enforcer, however
// sudden, not that of the machine.
type spool struct {
	dir      string
	max      int64
	segments []*segment // oldest first
	total    int64      // bytes of all segments
	next     uint64     // number of the next segment
	out      *os.File   // the last segment, nil if the next write begins a new one
	in       *os.File   // segments[0], nil if not open
	cursor   int64      // offset in segments[0] of the first record that is not acknowledged
	damaged  int64      // bytes found unreadable when it was opened
	lost     []loss     // records that were there and have become unreadable
}

// loss is what a damaged segment cost.
type loss struct {
	boot     string
	recorded uint64
}

type segment struct {
	number uint64
	boot   string
	size   int64 // up to the end of the last good record

	// Of records that are not acknowledged: how many, and how many of them
	// were recorded, not made by the uplink.
	left, recorded int
}

const segmentSuffix = ".seg"

func (s *spool) path(n uint64) string {
	return filepath.Join(s.dir, fmt.Sprintf("%016x%s", n, segmentSuffix))
}
func (s *spool) ackPath() string { return filepath.Join(s.dir, "acked") }

// openSpool opens the folder and finds what an earlier start left.
func openSpool(dir string, limit int64) (*spool, error) {
	s := &spool{dir: dir, max: limit, next: 1}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make spool: %w", err)
	}
	names, err := os.ReadDir(dir) // sorted by name, so by number
	if err != nil {
		return nil, fmt.Errorf("cannot read spool: %w", err)
	}
	ackSegment, ackOffset := s.loadAck()
	for _, f := range names {
		hex, ok := strings.CutSuffix(f.Name(), segmentSuffix)
		n, err := strconv.ParseUint(hex, 16, 63)
		if !ok || err != nil || !f.Type().IsRegular() {
			continue
		}
		s.next = max(s.next, n+1)
		if n < ackSegment {
			_ = os.Remove(s.path(n)) // acknowledged, the end came before it was removed
			continue
		}
		from := int64(0)
		if n == ackSegment {
			from = ackOffset
		}
		seg, err := s.scan(n, from)
		if err != nil {
			_ = os.Remove(s.path(n))
			continue
		}
		s.segments = append(s.segments, seg)
		s.total += seg.size
	}
	if len(s.segments) > 0 {
		first := s.segments[0]
		s.cursor = int64(len(segmentHeader(first.boot)))
		if first.number == ackSegment && ackOffset > s.cursor && ackOffset <= first.size {
			s.cursor = ackOffset
		}
	}
	return s, nil
}

// scan reads a segment of an earlier start, finds where its good records end and
// counts those from an offset on.
func (s *spool) scan(n uint64, from int64) (*segment, error) {
	f, err := os.Open(s.path(n))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// A segment ends soon after segmentSize; one that is larger is not ours.
	b, err := io.ReadAll(io.LimitReader(f, segmentSize+4<<20))
	if err != nil {
		return nil, err
	}
	boot, at, err := parseHeader(b)
	if err != nil {
		s.damaged += int64(len(b))
		return nil, err
	}
	seg := &segment{number: n, boot: boot}
	for at < len(b) {
		it, k, err := parseRecord(b[at:])
		if err != nil {
			s.damaged += int64(len(b) - at)
			break
		}
		if int64(at) >= from {
			seg.add(it, 1)
		}
		at += k
	}
	seg.size = int64(at)
	return seg, nil
}

// add counts a record in (n 1) or out (n -1).
func (g *segment) add(it item, n int) {
	g.left += n
	if !it.own {
		g.recorded += n
	}
}

// pending counts the records that are not acknowledged, and those of them that
// were recorded.
func (s *spool) pending() (all, recorded int) {
	for _, g := range s.segments {
		all += g.left
		recorded += g.recorded
	}
	return all, recorded
}

// room says whether items may be added.
func (s *spool) room(items []item) bool {
	n := int64(0)
	for _, it := range items {
		n += recordHead + int64(len(it.data))
	}
	return s.total+n <= s.max
}

// append writes items of one boot. After an error nothing has been added.
func (s *spool) append(boot string, items []item) error {
	var b []byte
	if s.out == nil {
		f, err := os.OpenFile(s.path(s.next), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("cannot begin spool segment: %w", err)
		}
		s.out = f
		s.segments = append(s.segments, &segment{number: s.next, boot: boot})
		s.next++
		b = segmentHeader(boot)
		if len(s.segments) == 1 {
			s.cursor = int64(len(b))
		}
	}
	for _, it := range items {
		b = appendRecord(b, it)
	}
	last := s.segments[len(s.segments)-1]
	if _, err := s.out.WriteAt(b, last.size); err != nil {
		_ = s.out.Truncate(last.size)
		if last.size == 0 { // not even its header
			s.out.Close()
			s.out = nil
			_ = os.Remove(s.path(last.number))
			s.segments = s.segments[:len(s.segments)-1]
		}
		return fmt.Errorf("cannot write spool: %w", err)
	}
	for _, it := range items {
		last.add(it, 1)
	}
	last.size += int64(len(b))
	s.total += int64(len(b))
	if last.size >= segmentSize {
		s.out.Close()
		s.out = nil
	}
	return nil
}

// peek gives the oldest items that are not acknowledged, all of one boot and at
// most n and size bytes, and the offset behind each.
func (s *spool) peek(n, size int) (boot string, items []item, ends []int64) {
	for len(s.segments) > 0 {
		seg := s.segments[0]
		if s.cursor >= seg.size {
			s.dropFirst()
			continue
		}
		b, err := s.read(seg, size)
		at := 0
		for err == nil && at < len(b) && len(items) < n {
			var it item
			var k int
			if it, k, err = parseRecord(b[at:]); err == nil {
				items = append(items, it)
				at += k
				ends = append(ends, s.cursor+int64(at))
			}
		}
		if len(items) > 0 {
			return seg.boot, items, ends
		}
		// It was good when it was written or scanned, and is not any more.
		s.lost = append(s.lost, loss{seg.boot, uint64(max(seg.recorded, 0))})
		s.dropFirst()
	}
	return "", nil, nil
}

// read gives up to size bytes from the cursor, and at least one whole record.
func (s *spool) read(seg *segment, size int) ([]byte, error) {
	if s.in == nil {
		f, err := os.Open(s.path(seg.number))
		if err != nil {
			return nil, err
		}
		s.in = f
	}
	b := make([]byte, min(seg.size-s.cursor, int64(max(size, recordHead+maxRecord))))
	_, err := io.ReadFull(io.NewSectionReader(s.in, s.cursor, int64(len(b))), b)
	return b, err
}

// advance moves the cursor to end, behind these items: they are acknowledged.
func (s *spool) advance(items []item, end int64) {
	if len(s.segments) == 0 {
		return
	}
	for _, it := range items {
		s.segments[0].add(it, -1)
	}
	s.cursor = end
	s.saveAck(s.segments[0].number, end)
	if s.cursor >= s.segments[0].size {
		s.dropFirst()
	}
}

func (s *spool) dropFirst() {
	seg := s.segments[0]
	if s.in != nil {
		s.in.Close()
		s.in = nil
	}
	if len(s.segments) == 1 && s.out != nil {
		s.out.Close()
		s.out = nil
	}
	_ = os.Remove(s.path(seg.number))
	s.segments = s.segments[1:]
	s.total -= seg.size
	s.cursor = 0
	if len(s.segments) > 0 {
		s.cursor = int64(len(segmentHeader(s.segments[0].boot)))
	}
}

func (s *spool) close() {
	for _, f := range []*os.File{s.in, s.out} {
		if f != nil {
			f.Close()
		}
	}
	s.in, s.out = nil, nil
}

// The file "acked": segment 8 | offset 8 | CRC-32C 4. Losing it costs sending
// again what is known there already.
func (s *spool) saveAck(number uint64, offset int64) {
	b := binary.LittleEndian.AppendUint64(nil, number)
	b = binary.LittleEndian.AppendUint64(b, uint64(offset))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, crcTable))
	f, err := os.OpenFile(s.ackPath(), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	_, err = f.WriteAt(b, 0)
	if err := errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(s.ackPath())
	}
}

func (s *spool) loadAck() (number uint64, offset int64) {
	b, err := os.ReadFile(s.ackPath())
	if err != nil || len(b) != 20 || crc32.Checksum(b[:16], crcTable) != binary.LittleEndian.Uint32(b[16:]) {
		return 0, 0
	}
	return binary.LittleEndian.Uint64(b), int64(binary.LittleEndian.Uint64(b[8:]))
}
