package vulndb

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// file is a database that is being written. Keys come in order, bucket after
// bucket, and every one goes into the digest. Where a transaction ends depends
// on nothing but the keys, so equal content makes equal bytes, whether a Writer
// compiled it or Apply put it together.
type file struct {
	path, temp string
	bolt       *bbolt.DB
	sum        hash.Hash

	tx     *bbolt.Tx
	bucket *bbolt.Bucket
	group  [2]string // of the open transaction
}

func create(path string) (*file, error) {
	t, err := os.CreateTemp(filepath.Dir(path), ".limpet-vulndb-*")
	if err != nil {
		return nil, fmt.Errorf("cannot write vulnerability database: %w", err)
	}
	t.Close()
	f := &file{path: path, temp: t.Name(), sum: sha256.New()}
	// One layout on every machine: the page's size is given, no list of free
	// pages is kept, and the file grows by what is written only.
	f.bolt, err = bbolt.Open(t.Name(), 0o600, &bbolt.Options{PageSize: 4096, NoFreelistSync: true, NoGrowSync: true, NoSync: true, FreelistType: bbolt.FreelistArrayType})
	if err != nil {
		os.Remove(t.Name())
		return nil, fmt.Errorf("cannot write vulnerability database: %w", err)
	}
	return f, nil
}

// put adds a key. A transaction fills one bucket, of the details those that
// begin alike: bbolt writes several changed buckets in no certain order, and
// holds what is not committed in memory.
func (f *file) put(bucket, key string, value []byte) error {
	group := [2]string{bucket}
	if bucket == detailBucket {
		group[1] = shardOf(key)
	}
	if f.tx == nil || group != f.group {
		if err := f.flush(); err != nil {
			return err
		}
		var err error
		if f.tx, err = f.bolt.Begin(true); err != nil {
			return err
		}
		if f.bucket, err = f.tx.CreateBucketIfNotExists([]byte(bucket)); err != nil {
			return err
		}
		f.bucket.FillPercent = 1 // nothing is put between keys that come in order
		f.group = group
	}
	if bucket != metaBucket {
		f.mix(bucket)
		f.mix(key)
		f.mix(string(value))
	}
	return f.bucket.Put([]byte(key), value)
}

func (f *file) flush() error {
	if f.tx == nil {
		return nil
	}
	err := f.tx.Commit()
	f.tx, f.bucket = nil, nil
	return err
}

func (f *file) mix(s string) {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
	f.sum.Write(n[:])
	f.sum.Write([]byte(s))
}

func (f *file) digest() string { return fmt.Sprintf("sha256:%x", f.sum.Sum(nil)) }

// commit adds what the database says of itself and gives it its name.
func (f *file) commit(meta []byte) error {
	err := f.put(metaBucket, metaKey, meta)
	if err == nil {
		err = f.flush()
	}
	if err == nil {
		err = f.bolt.Sync()
	}
	if err == nil {
		err = f.bolt.Close()
		f.bolt = nil
	}
	if err == nil {
		err = os.Chmod(f.temp, 0o644)
	}
	if err == nil {
		err = os.Rename(f.temp, f.path)
	}
	if err != nil {
		return fmt.Errorf("cannot write vulnerability database: %w", err)
	}
	return nil
}

// abandon removes what was not committed.
func (f *file) abandon() {
	if f.tx != nil {
		_ = f.tx.Rollback()
	}
	if f.bolt != nil {
		_ = f.bolt.Close()
	}
	if err := os.Remove(f.temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return // a file that begins with a dot is left over
	}
}
