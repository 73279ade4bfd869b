package drift

import (
	"crypto/sha256"
	"io"
)

// Reader hashes and classifies what is read through it, for building a
// manifest from a stream such as a tar entry.
type Reader struct {
	r io.Reader
	h interface {
		io.Writer
		Sum([]byte) []byte
	}
	head []byte
	n    int64
}

// NewReader makes a Reader of r.
func NewReader(r io.Reader) *Reader { return &Reader{r: r, h: sha256.New()} }

// Read reads from the stream.
func (r *Reader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.h.Write(p[:n])
	if need := HeaderSize - len(r.head); need > 0 {
		r.head = append(r.head, p[:min(n, need)]...)
	}
	r.n += int64(n)
	return n, err
}

// Entry gives the entry of the file that was read to its end, if it belongs
// into a manifest.
func (r *Reader) Entry(path string, mode uint32) (Entry, bool) {
	kind, ok := Classify(r.head, mode, path)
	if !ok {
		return Entry{}, false
	}
	e := Entry{Path: path, Kind: kind, Mode: mode}
	r.h.Sum(e.Digest[:0])
	return e, true
}
