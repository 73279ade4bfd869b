package inventory

import (
	"sync"

	"github.com/limpet-security/limpet/scanner/match"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// maxRemembered bounds what is remembered of a database: rows and details
// together, each counted once.
const maxRemembered = 400_000

// remembered is a source that keeps what was decoded: images share their
// packages, and are matched with one database one after the other.
type remembered struct {
	match.Source
	mu      sync.RWMutex
	rows    map[[2]string][]vulndb.Advisory
	details map[string]*vulndb.Detail // nil: nothing is known
	size    int
}

func remember(src match.Source) *remembered {
	return &remembered{Source: src, rows: map[[2]string][]vulndb.Advisory{}, details: map[string]*vulndb.Detail{}}
}

// Advisories implements match.Source; nobody changes what it gives.
func (r *remembered) Advisories(eco vulndb.Ecosystem, name string) ([]vulndb.Advisory, error) {
	key := [2]string{string(eco), name}
	r.mu.RLock()
	rows, ok := r.rows[key]
	r.mu.RUnlock()
	if ok {
		return rows, nil
	}
	rows, err := r.Source.Advisories(eco, name)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.grow(1 + len(rows))
	r.rows[key] = rows
	return rows, nil
}

// Detail implements match.Source.
func (r *remembered) Detail(id string) (vulndb.Detail, bool, error) {
	r.mu.RLock()
	d, ok := r.details[id]
	r.mu.RUnlock()
	if !ok {
		found, there, err := r.Source.Detail(id)
		if err != nil {
			return vulndb.Detail{}, false, err
		}
		if there {
			d = &found
		}
		r.mu.Lock()
		r.grow(1)
		r.details[id] = d
		r.mu.Unlock()
	}
	if d == nil {
		return vulndb.Detail{}, false, nil
	}
	return *d, true, nil
}

// grow forgets everything where there is too much.
func (r *remembered) grow(n int) {
	if r.size += n; r.size > maxRemembered {
		clear(r.rows)
		clear(r.details)
		r.size = n
	}
}
