package vulndb

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"go.etcd.io/bbolt"
)

// deltaMagic begins a delta. Behind it stand changes in the order of buckets
// and keys: an operation, bucket, key and value. The last is the meta key.
const deltaMagic = "limpet vulndb delta 1\n"

const (
	opPut    = 1
	opRemove = 2
	opEnd    = 3 // its value is the new database's meta
)

// entry is one key of a database.
type entry struct {
	bucket, key string
	value       []byte // valid until the next one
}

func (e entry) compare(o entry) int {
	return cmp.Or(cmp.Compare(e.bucket, o.bucket), cmp.Compare(e.key, o.key))
}

// entries goes through everything but the meta key, in order.
func (db *DB) entries(tx *bbolt.Tx) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		c := tx.Cursor()
		for name, _ := c.First(); name != nil; name, _ = c.Next() {
			if string(name) == metaBucket {
				continue
			}
			in := tx.Bucket(name).Cursor()
			for k, v := in.First(); k != nil; k, v = in.Next() {
				if !yield(entry{string(name), string(k), v}) {
					return
				}
			}
		}
	}
}

// Delta writes what makes old into db.
func (db *DB) Delta(old *DB, w io.Writer) error {
	bw := bufio.NewWriterSize(w, 64<<10)
	bw.WriteString(deltaMagic)
	err := old.safely(func(otx *bbolt.Tx) error {
		return db.safely(func(ntx *bbolt.Tx) error {
			olds, stop := iter.Pull(old.entries(otx))
			defer stop()
			o, more := olds()
			for n := range db.entries(ntx) {
				for more && o.compare(n) < 0 {
					writeChange(bw, opRemove, o.bucket, o.key, nil)
					o, more = olds()
				}
				if more && o.compare(n) == 0 {
					if !bytes.Equal(o.value, n.value) {
						writeChange(bw, opPut, n.bucket, n.key, n.value)
					}
					o, more = olds()
					continue
				}
				writeChange(bw, opPut, n.bucket, n.key, n.value)
			}
			for ; more; o, more = olds() {
				writeChange(bw, opRemove, o.bucket, o.key, nil)
			}
			return nil
		})
	})
	if err == nil {
		var meta []byte
		if meta, err = db.get(metaBucket, metaKey); err == nil {
			writeChange(bw, opEnd, metaBucket, metaKey, meta)
			err = bw.Flush()
		}
	}
	if err != nil {
		return fmt.Errorf("cannot make a delta: %w", err)
	}
	return nil
}

func writeChange(w *bufio.Writer, op byte, bucket, key string, value []byte) {
	w.WriteByte(op) // errors stay until Flush
	var n [binary.MaxVarintLen64]byte
	for _, s := range [][]byte{[]byte(bucket), []byte(key), value} {
		w.Write(n[:binary.PutUvarint(n[:], uint64(len(s)))])
		w.Write(s)
	}
}

// change is one operation of a delta.
type change struct {
	op byte
	entry
}

func readChange(r *bufio.Reader) (change, error) {
	op, err := r.ReadByte()
	if err != nil {
		return change{}, fmt.Errorf("the delta is cut: %w", ErrDamaged)
	}
	var parts [3][]byte
	for i, limit := range []uint64{MaxKey, MaxKey, MaxBlob} {
		n, err := binary.ReadUvarint(r)
		if err != nil || n > limit {
			return change{}, fmt.Errorf("the delta holds nonsense: %w", ErrDamaged)
		}
		var b bytes.Buffer // grows by what is there, not by what is promised
		if _, err := io.CopyN(&b, r, int64(n)); err != nil {
			return change{}, fmt.Errorf("the delta is cut: %w", ErrDamaged)
		}
		parts[i] = b.Bytes()
	}
	if op < opPut || op > opEnd || len(parts[0]) == 0 || len(parts[1]) == 0 {
		return change{}, fmt.Errorf("the delta holds nonsense: %w", ErrDamaged)
	}
	return change{op, entry{string(parts[0]), string(parts[1]), parts[2]}}, nil
}

// Apply makes the database that a delta leads to, at path. The bytes are those
// that its publisher has: the caller compares their digest.
func (db *DB) Apply(delta io.Reader, path string) error {
	f, err := create(path)
	if err != nil {
		return err
	}
	defer f.abandon()
	meta, err := db.patch(delta, f)
	if err != nil {
		return fmt.Errorf("cannot apply a delta: %w", err)
	}
	return f.commit(meta)
}

func (db *DB) patch(delta io.Reader, f *file) (meta []byte, err error) {
	r := bufio.NewReaderSize(delta, 64<<10)
	magic := make([]byte, len(deltaMagic))
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != deltaMagic {
		return nil, fmt.Errorf("it is no delta: %w", ErrDamaged)
	}
	err = db.safely(func(tx *bbolt.Tx) error {
		olds, stop := iter.Pull(db.entries(tx))
		defer stop()
		o, more := olds()
		var last entry
		for {
			c, err := readChange(r)
			if err != nil {
				return err
			}
			if c.op == opEnd {
				meta = c.value
				break
			}
			if last.bucket != "" && c.compare(last) <= 0 || c.bucket == metaBucket {
				return fmt.Errorf("the delta is out of order: %w", ErrDamaged)
			}
			last = entry{bucket: c.bucket, key: c.key}
			for ; more && o.compare(c.entry) < 0; o, more = olds() {
				if err := f.put(o.bucket, o.key, o.value); err != nil {
					return err
				}
			}
			if more && o.compare(c.entry) == 0 {
				o, more = olds()
			}
			if c.op == opPut {
				if err := f.put(c.bucket, c.key, c.value); err != nil {
					return err
				}
			}
		}
		for ; more; o, more = olds() {
			if err := f.put(o.bucket, o.key, o.value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var m Meta
	if err := json.Unmarshal(meta, &m); err != nil {
		return nil, errors.Join(ErrDamaged, err)
	}
	if m.Digest != f.digest() {
		return nil, fmt.Errorf("what comes out is not what was promised: %w", ErrDamaged)
	}
	return meta, nil
}
