package vulndb

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
)

// spool keeps what a Writer is given on disk, apart by shard, until all of it
// is there: memory holds one shard at a time, not a whole database.
type spool struct {
	file   *os.File
	size   int64
	shards map[string]*shard
}

type shard struct {
	buf    []byte
	chunks []chunk
}

type chunk struct{ offset, size int64 }

const shardBuffer = 32 << 10

func newSpool(folder string) (*spool, error) {
	f, err := os.CreateTemp(folder, "limpet-spool-*")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(f.Name()) // the descriptor keeps it
	return &spool{file: f, shards: map[string]*shard{}}, nil
}

func (s *spool) close() error { return s.file.Close() }

// add keeps a key and a value for a shard.
func (s *spool) add(name, key string, value []byte) error {
	sh := s.shards[name]
	if sh == nil {
		sh = &shard{}
		s.shards[name] = sh
	}
	sh.buf = binary.AppendUvarint(sh.buf, uint64(len(key)))
	sh.buf = append(sh.buf, key...)
	sh.buf = binary.AppendUvarint(sh.buf, uint64(len(value)))
	sh.buf = append(sh.buf, value...)
	if len(sh.buf) < shardBuffer {
		return nil
	}
	if _, err := s.file.WriteAt(sh.buf, s.size); err != nil {
		return fmt.Errorf("cannot spool rows: %w", err)
	}
	sh.chunks = append(sh.chunks, chunk{s.size, int64(len(sh.buf))})
	s.size += int64(len(sh.buf))
	sh.buf = sh.buf[:0]
	return nil
}

// names gives the shards in order.
func (s *spool) names() []string { return slices.Sorted(maps.Keys(s.shards)) }

// read calls f with everything of a shard, by key.
func (s *spool) read(name string, f func(key string, values [][]byte) error) error {
	sh := s.shards[name]
	got := map[string][][]byte{}
	take := func(r io.Reader) error {
		br := bufio.NewReaderSize(r, shardBuffer)
		for {
			key, err := readPart(br)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			value, err := readPart(br)
			if err != nil {
				return fmt.Errorf("cannot read spooled rows: %w", err)
			}
			got[string(key)] = append(got[string(key)], value)
		}
	}
	for _, c := range sh.chunks {
		if err := take(io.NewSectionReader(s.file, c.offset, c.size)); err != nil {
			return err
		}
	}
	if err := take(bytes.NewReader(sh.buf)); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if err := f(key, got[key]); err != nil {
			return err
		}
	}
	return nil
}

// readPart reads a length and as many bytes; io.EOF only before the length.
func readPart(r *bufio.Reader) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	if n > maxPart {
		return nil, ErrDamaged
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, errors.Join(ErrDamaged, err)
	}
	return b, nil
}
