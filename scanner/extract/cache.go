package extract

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Cache keeps Layers in a folder, a file each. It never fails: what cannot be
// read is read from the layer again, what cannot be written is not kept.
// Several processes may use one folder. The folder belongs to its user alone:
// whoever can write there decides what scans say.
type Cache struct {
	Dir string
	Max int64 // bytes of all files; 0: 2 GiB
}

const (
	defaultCache = 2 << 30
	maxKept      = 256 << 20 // uncompressed bytes of one layer's file
	keptSuffix   = ".layer"
)

// key names what a layer's bytes become under our rules.
func (r *Reader) key(diffID string) string {
	h := sha256.New()
	fmt.Fprintf(h, "limpet layer %s\n%s\n%+v\n", Version, diffID, r.Limits)
	var names []string
	for _, i := range r.Inspectors {
		names = append(names, i.Name()+" "+i.Version())
	}
	slices.Sort(names)
	fmt.Fprintf(h, "%q\n", names)
	return hex.EncodeToString(h.Sum(nil))
}

func (c *Cache) path(key string) string { return filepath.Join(c.Dir, key+keptSuffix) }

// get gives what is kept, nil when nothing is or it is damaged.
func (c *Cache) get(key, diffID string) *Layer {
	if c == nil {
		return nil
	}
	b, err := os.ReadFile(c.path(key))
	if err != nil || len(b) < sha256.Size {
		return nil
	}
	sum := sha256.Sum256(b[sha256.Size:])
	if !bytes.Equal(sum[:], b[:sha256.Size]) {
		return nil
	}
	l := unpack(b[sha256.Size:])
	if l == nil || l.DiffID != diffID {
		return nil
	}
	now := time.Now()
	_ = os.Chtimes(c.path(key), now, now) // the least recently used goes first
	return l
}

func unpack(b []byte) *Layer {
	z, err := zstd.NewReader(bytes.NewReader(b), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxKept))
	if err != nil {
		return nil
	}
	defer z.Close()
	l := &Layer{}
	if gob.NewDecoder(io.LimitReader(z, maxKept)).Decode(l) != nil {
		return nil
	}
	return l
}

func (c *Cache) put(key string, l *Layer) {
	if c == nil {
		return
	}
	var packed bytes.Buffer
	packed.Write(make([]byte, sha256.Size))
	z, err := zstd.NewWriter(&packed, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return
	}
	if gob.NewEncoder(z).Encode(l) != nil || z.Close() != nil {
		return
	}
	b := packed.Bytes()
	sum := sha256.Sum256(b[sha256.Size:])
	copy(b, sum[:])
	if os.MkdirAll(c.Dir, 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(c.Dir, "new-*")
	if err != nil {
		return
	}
	_, err = f.Write(b)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), c.path(key))
	}
	if err != nil {
		os.Remove(f.Name())
		return
	}
	c.trim()
}

// trim removes what was used longest ago until the rest fits.
func (c *Cache) trim() {
	limit := cmp.Or(c.Max, defaultCache)
	entries, err := os.ReadDir(c.Dir)
	if err != nil {
		return
	}
	type kept struct {
		path string
		size int64
		used time.Time
	}
	var all []kept
	var sum int64
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		k := kept{filepath.Join(c.Dir, e.Name()), info.Size(), info.ModTime()}
		switch {
		case strings.HasSuffix(e.Name(), keptSuffix):
			all = append(all, k)
			sum += k.size
		case strings.HasPrefix(e.Name(), "new-") && time.Since(k.used) > time.Hour:
			os.Remove(k.path) // of a process that died
		}
	}
	slices.SortFunc(all, func(a, b kept) int { return a.used.Compare(b.used) })
	for _, k := range all {
		if sum <= limit {
			return
		}
		if os.Remove(k.path) == nil {
			sum -= k.size
		}
	}
}
