package vulndb

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"

	"github.com/limpet-security/limpet/internal/finding"
)

// Schema is the version of the file that this release reads and writes.
const Schema = 1

// ErrSchema is of a database that another release must read.
var ErrSchema = errors.New("the database has another schema")

// Names of the buckets; an ecosystem's is ecoPrefix and its name.
const (
	metaBucket    = "meta"
	detailBucket  = "details"
	aliasBucket   = "aliases"
	blobBucket    = "blobs"
	jarBucket     = "jars"
	releaseBucket = "releases"
	ecoPrefix     = "eco/"

	mavenEcosystem = "Maven"
	metaKey        = "meta"
)

// Meta says what a database holds.
type Meta struct {
	Schema int       `json:"schema"`
	Built  time.Time `json:"built"`
	// Sample marks a database that was made small on purpose: what it does
	// not know may still exist.
	Sample     bool            `json:"sample,omitempty"`
	Digest     string          `json:"digest"` // sha256:... over every key and value
	Feeds      []Feed          `json:"feeds"`
	Ecosystems []EcosystemInfo `json:"ecosystems"`
	Details    int             `json:"details"`
	Jars       int             `json:"jars,omitempty"` // Java archives known by their SHA-1
}

// Feed is one source of a database.
type Feed struct {
	Name    string    `json:"name"`
	Source  string    `json:"source"`  // whence: an address or a folder's name
	Licence string    `json:"licence"` // SPDX, or the publisher's words
	Fetched time.Time `json:"fetched"`
	Records int       `json:"records"`           // read without a fault
	Bad     int       `json:"bad,omitempty"`     // that could not be read
	Partial bool      `json:"partial,omitempty"` // something of it is missing
	Newest  string    `json:"newest,omitempty"`  // latest change of a record, RFC 3339
	Faults  []string  `json:"faults,omitempty"`  // the first bad records
}

// EcosystemInfo counts what there is for one ecosystem.
type EcosystemInfo struct {
	Name     Ecosystem `json:"name"`
	Packages int       `json:"packages"`
	Rows     int       `json:"rows"`
}

// Release is the life of one release of a distribution.
type Release struct {
	ID        string `json:"id"`      // os-release ID
	Version   string `json:"version"` // VERSION_ID, as far as it tells releases apart
	Codename  string `json:"codename,omitempty"`
	EndOfLife string `json:"endOfLife"`          // date of the publisher's last security fix
	Extended  string `json:"extended,omitempty"` // of free extended support, such as Debian LTS
}

// DB is an open database. It may be used by several goroutines.
type DB struct {
	bolt *bbolt.DB
	meta Meta
	has  map[Ecosystem]EcosystemInfo
}

// Open opens the database at path. Its signature must have been verified when
// it came (cybercenter.Pull, VerifyFile): only its schema is looked at here.
func Open(path string) (*DB, error) {
	db, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open vulnerability database %s: %w", path, err)
	}
	return db, nil
}

// OpenBytes opens a database that is in memory, by way of a file without a name.
func OpenBytes(data []byte) (*DB, error) {
	f, err := os.CreateTemp("", "limpet-vulndb-*")
	if err != nil {
		return nil, fmt.Errorf("cannot open vulnerability database: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("cannot open vulnerability database: %w", err)
	}
	return Open(f.Name())
}

func open(path string) (db *DB, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err // bbolt would name neither file nor reason
	}
	b, err := bbolt.Open(path, 0o400, &bbolt.Options{ReadOnly: true, Timeout: 5 * time.Second})
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	db = &DB{bolt: b, has: map[Ecosystem]EcosystemInfo{}}
	defer func() {
		if err != nil {
			b.Close()
		}
	}()
	raw, err := db.get(metaBucket, metaKey)
	if err != nil {
		return nil, err
	}
	if raw == nil {
		return nil, fmt.Errorf("%w: it says nothing about itself", ErrDamaged)
	}
	if err := json.Unmarshal(raw, &db.meta); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	if db.meta.Schema != Schema {
		return nil, fmt.Errorf("%w: it has %d, this release reads %d", ErrSchema, db.meta.Schema, Schema)
	}
	for _, e := range db.meta.Ecosystems {
		db.has[e.Name] = e
	}
	return db, nil
}

// Close lets go of the file.
func (db *DB) Close() error { return db.bolt.Close() }

// Meta says what is in the database.
func (db *DB) Meta() Meta { return db.meta }

// Database is the line of a report that names the database.
func (db *DB) Database() *finding.Database {
	return &finding.Database{Digest: db.meta.Digest, Built: db.meta.Built, Schema: db.meta.Schema}
}

// HasEcosystem says whether there is anything for an ecosystem. Where it is
// false a package without an advisory is not known to be clean.
func (db *DB) HasEcosystem(eco Ecosystem) bool { return db.has[eco].Rows > 0 }

// Advisories gives the rows of a package in a stable order; none is no error.
func (db *DB) Advisories(eco Ecosystem, name string) ([]Advisory, error) {
	if !db.HasEcosystem(eco) {
		return nil, nil
	}
	var rows []Advisory
	err := db.view(ecoPrefix+string(eco), NormalName(eco, name), func(v []byte) (err error) {
		rows, err = decodeRows(v)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot look up %s in %s: %w", name, eco, err)
	}
	return rows, nil
}

// Detail gives what is known of a vulnerability, by its id or by one of its
// aliases; false: nothing.
func (db *DB) Detail(id string) (Detail, bool, error) {
	d, ok, err := db.detail(id)
	if ok || err != nil {
		return d, ok, err
	}
	others, err := db.Aliases(id)
	for _, o := range others {
		if d, ok, err = db.detail(o); ok || err != nil {
			return d, ok, err
		}
	}
	return Detail{}, false, err
}

func (db *DB) detail(id string) (d Detail, ok bool, err error) {
	err = db.view(detailBucket, id, func(v []byte) (err error) {
		ok = true
		d, err = decodeDetail(v)
		return err
	})
	if err != nil {
		return Detail{}, false, fmt.Errorf("cannot look up %s: %w", id, err)
	}
	return d, ok, nil
}

// Aliases gives the other names of a vulnerability, CVEs first.
func (db *DB) Aliases(id string) ([]string, error) {
	var l []string
	err := db.view(aliasBucket, id, func(v []byte) error {
		d := newDecoder(v)
		l = d.list()
		return d.end()
	})
	if err != nil {
		return nil, fmt.Errorf("cannot look up the aliases of %s: %w", id, err)
	}
	return l, nil
}

// Release gives the life of a distribution's release; false: not known.
func (db *DB) Release(id, version string) (Release, bool, error) {
	var r Release
	ok := false
	err := db.view(releaseBucket, id+":"+version, func(v []byte) error {
		ok = true
		return json.Unmarshal(v, &r)
	})
	if err != nil {
		return Release{}, false, fmt.Errorf("cannot look up release %s %s: %w", id, version, err)
	}
	return r, ok, nil
}

// Blob gives a file that the database carries (rules, hash lists); nil: it has none.
func (db *DB) Blob(name string) ([]byte, error) { return db.get(blobBucket, name) }

// Jar tells a Java archive by its SHA-1 (hexadecimal): group:artifact:version,
// "" if it is not known. Only archives with advisories are.
func (db *DB) Jar(sha1 string) (string, error) {
	v, err := db.get(jarBucket, sha1)
	return string(v), err
}

// BlobNames lists the carried files whose names begin with prefix, in order.
func (db *DB) BlobNames(prefix string) ([]string, error) { return db.keys(blobBucket, prefix) }

// Packages lists the packages of an ecosystem, in order.
func (db *DB) Packages(eco Ecosystem) ([]string, error) { return db.keys(ecoPrefix+string(eco), "") }

func (db *DB) keys(bucket, prefix string) (names []string, err error) {
	err = db.safely(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		if b == nil {
			return nil
		}
		c := b.Cursor()
		for k, _ := c.Seek([]byte(prefix)); k != nil && bytes.HasPrefix(k, []byte(prefix)); k, _ = c.Next() {
			names = append(names, string(k))
		}
		return nil
	})
	return names, err
}

func (db *DB) get(bucket, key string) (out []byte, err error) {
	err = db.view(bucket, key, func(v []byte) error {
		out = bytes.Clone(v)
		return nil
	})
	return out, err
}

// view calls f with a value that is valid during the call, where there is one.
func (db *DB) view(bucket, key string, f func([]byte) error) error {
	return db.safely(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		if b == nil {
			return nil
		}
		if v := b.Get([]byte(key)); v != nil {
			return f(v)
		}
		return nil
	})
}

// safely runs f in a transaction. bbolt trusts its pages: where they lead
// outside of the mapping, or into nonsense, that becomes an error.
func (db *DB) safely(f func(*bbolt.Tx) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, p)
		}
	}()
	return db.bolt.View(f)
}
