package vulndb

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Bounds of a database.
const (
	MaxKey  = 1024      // bytes of a package's name or an id
	MaxBlob = 32 << 20  // bytes of a carried file
	maxPart = 128 << 20 // of anything that is spooled
)

// Writer compiles a database. The same rows, in whatever order they come, give
// the same bytes. It is used by one goroutine.
type Writer struct {
	rows    *spool // by ecosystem, then package
	details *spool // by the beginning of the id, then id
	aliases map[string][]string
	blobs   map[string][]byte
	release map[string]Release
	jars    map[string]string // SHA-1 -> group:artifact:version
	folder  string
}

// NewWriter makes a writer that keeps what is not finished in folder.
func NewWriter(folder string) (*Writer, error) {
	w := &Writer{aliases: map[string][]string{}, blobs: map[string][]byte{}, release: map[string]Release{}, jars: map[string]string{}, folder: folder}
	var err error
	if w.rows, err = newSpool(folder); err != nil {
		return nil, fmt.Errorf("cannot begin a vulnerability database: %w", err)
	}
	if w.details, err = newSpool(folder); err != nil {
		w.rows.close()
		return nil, fmt.Errorf("cannot begin a vulnerability database: %w", err)
	}
	return w, nil
}

// Close lets go of what a writer holds.
func (w *Writer) Close() error { return errors.Join(w.rows.close(), w.details.close()) }

// Advisory adds a row about a package.
func (w *Writer) Advisory(eco Ecosystem, name string, a Advisory) error {
	eco = NormalEcosystem(string(eco))
	name = NormalName(eco, name)
	if eco == "" || name == "" || a.ID == "" || a.Source == "" || a.Status == "" {
		return fmt.Errorf("advisory %q of %q: ecosystem, package, id, source and status are wanted", a.ID, name)
	}
	if len(eco) > MaxKey/2 || len(name) > MaxKey || len(a.ID) > MaxKey {
		return fmt.Errorf("advisory %.40q: a name is longer than %d bytes", a.ID, MaxKey)
	}
	b, err := encodeRows([]Advisory{a})
	if err != nil {
		return fmt.Errorf("advisory %s: %w", a.ID, err)
	}
	return w.rows.add(string(eco), name, b)
}

// Detail adds what one feed knows of a vulnerability. What several know is put
// together: see merge.
func (w *Writer) Detail(feed string, d Detail) error {
	if d.ID == "" || len(d.ID) > MaxKey {
		return fmt.Errorf("detail %.40q: an id of at most %d bytes is wanted", d.ID, MaxKey)
	}
	b, err := encodeDetail(d)
	if err != nil {
		return fmt.Errorf("detail %s: %w", d.ID, err)
	}
	v := append([]byte{byte(rankOf(feed))}, feed...)
	v = append(append(v, 0), b...)
	if len(d.Aliases) > 0 {
		w.Same(append([]string{d.ID}, d.Aliases...)...)
	}
	return w.details.add(shardOf(d.ID), d.ID, v)
}

// Same says that ids name one vulnerability.
func (w *Writer) Same(ids ...string) {
	for _, a := range ids {
		for _, b := range ids {
			if a != b && a != "" && b != "" && len(a) <= MaxKey && len(b) <= MaxKey && !slices.Contains(w.aliases[a], b) {
				w.aliases[a] = append(w.aliases[a], b)
			}
		}
	}
}

// Blob adds a carried file.
func (w *Writer) Blob(name string, data []byte) error {
	if name == "" || len(name) > MaxKey || len(data) > MaxBlob {
		return fmt.Errorf("file %.80q: %d bytes, at most %d are carried", name, len(data), MaxBlob)
	}
	w.blobs[name] = slices.Clone(data)
	return nil
}

// Jar adds the digest of a Java archive as Maven publishes it. Only those with
// advisories are kept.
func (w *Writer) Jar(sha1, coordinates string) error {
	if len(sha1) != 40 || strings.Trim(sha1, "0123456789abcdef") != "" || strings.Count(coordinates, ":") != 2 || len(coordinates) > MaxKey {
		return fmt.Errorf("jar %.40q %.80q: a SHA-1 and group:artifact:version are wanted", sha1, coordinates)
	}
	if old := w.jars[sha1]; old == "" || coordinates < old { // whatever order they come in
		w.jars[sha1] = coordinates
	}
	return nil
}

// Release adds the life of a distribution's release.
func (w *Writer) Release(r Release) { w.release[r.ID+":"+r.Version] = r }

// shardOf puts ids that begin alike together, so that shards follow each other
// in the order of the ids.
func shardOf(id string) string {
	n := 6
	if strings.HasPrefix(id, "CVE-") {
		n = 10
	}
	return id[:min(n, len(id))]
}

// Finish writes the database to path, which appears whole or not at all, and
// gives what it says of itself.
func (w *Writer) Finish(path string, m Meta) (Meta, error) {
	f, err := create(path)
	if err != nil {
		return Meta{}, err
	}
	defer f.abandon()
	if m, err = w.write(f, m); err != nil {
		return Meta{}, fmt.Errorf("cannot write vulnerability database: %w", err)
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return Meta{}, fmt.Errorf("cannot write vulnerability database: %w", err)
	}
	return m, f.commit(raw)
}

// write puts everything in the order of buckets and keys: see file.
func (w *Writer) write(f *file, m Meta) (Meta, error) {
	m.Ecosystems, m.Details, m.Jars = nil, 0, 0
	for _, id := range slices.Sorted(maps.Keys(w.aliases)) {
		var e encoder
		l := sorted(w.aliases[id])
		slices.SortStableFunc(l, func(a, b string) int { return cveRank(a) - cveRank(b) })
		e.list(l)
		v, err := e.bytes()
		if err == nil {
			err = f.put(aliasBucket, id, v)
		}
		if err != nil {
			return m, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.blobs)) {
		if err := f.put(blobBucket, name, w.blobs[name]); err != nil {
			return m, err
		}
	}
	for _, name := range w.details.names() {
		if err := w.details.read(name, func(id string, parts [][]byte) error {
			v, err := mergeDetails(parts)
			if err != nil {
				return fmt.Errorf("%s: %w", id, err)
			}
			m.Details++
			return f.put(detailBucket, id, v)
		}); err != nil {
			return m, err
		}
	}
	maven := map[string]bool{}
	for _, eco := range w.rows.names() {
		info := EcosystemInfo{Name: Ecosystem(eco)}
		if err := w.rows.read(eco, func(name string, parts [][]byte) error {
			v, n, err := mergeRows(parts)
			if err != nil {
				return fmt.Errorf("%s in %s: %w", name, eco, err)
			}
			if eco == mavenEcosystem && len(w.jars) > 0 {
				maven[name] = true
			}
			info.Packages++
			info.Rows += n
			return f.put(ecoPrefix+eco, name, v)
		}); err != nil {
			return m, err
		}
		m.Ecosystems = append(m.Ecosystems, info)
	}
	for _, sum := range slices.Sorted(maps.Keys(w.jars)) {
		coordinates := w.jars[sum]
		if !maven[NormalName(mavenEcosystem, coordinates[:strings.LastIndexByte(coordinates, ':')])] {
			continue
		}
		if err := f.put(jarBucket, sum, []byte(coordinates)); err != nil {
			return m, err
		}
		m.Jars++
	}
	for _, id := range slices.Sorted(maps.Keys(w.release)) {
		v, err := json.Marshal(w.release[id])
		if err == nil {
			err = f.put(releaseBucket, id, v)
		}
		if err != nil {
			return m, err
		}
	}
	m.Schema, m.Built = Schema, m.Built.UTC().Truncate(time.Second)
	m.Digest = f.digest()
	return m, nil
}

func cveRank(id string) int {
	if strings.HasPrefix(id, "CVE-") {
		return 0
	}
	return 1
}

func mergeRows(parts [][]byte) ([]byte, int, error) {
	var rows []Advisory
	for _, p := range parts {
		r, err := decodeRows(p)
		if err != nil {
			return nil, 0, err
		}
		rows = append(rows, r...)
	}
	rows = uniqueRows(rows)
	v, err := encodeRows(rows)
	return v, len(rows), err
}
