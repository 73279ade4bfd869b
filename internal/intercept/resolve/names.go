package resolve

import (
	"net/netip"
	"slices"
	"sort"
	"sync"
	"time"
)

// How long what an answer said counts, and how much is kept.
const (
	minHold      = time.Minute // also for a TTL of 0: connections follow the answer
	maxHold      = 24 * time.Hour
	maxRemember  = 24 * time.Hour // how long an expired name may be asked again
	maxAddresses = 16384
	maxNames     = 16 // by which one address is known
)

// table says by which names an address is known.
type table struct {
	mu sync.Mutex
	m  map[netip.Addr]*entry
}

type entry struct {
	names   []string // shared with readers: replaced, never changed
	until   []time.Time
	static  int // the first so many come from hosts
	touched time.Time
}

// learn notes that addr is an address of each of names for ttl.
func (t *table) learn(addr netip.Addr, names []string, ttl time.Duration, now time.Time) {
	until := now.Add(min(max(ttl, minHold), maxHold))
	addr = addr.Unmap().WithZone("")
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entry(addr, now)
	for _, n := range names {
		if i := slices.Index(e.names, n); i >= 0 {
			if i >= e.static {
				e.until[i] = until // also earlier: the last answer counts
			}
			continue
		}
		fresh, ends := slices.Clone(e.names), slices.Clone(e.until)
		if len(fresh) >= maxNames { // the oldest goes
			if e.static >= maxNames {
				continue
			}
			fresh, ends = slices.Delete(fresh, e.static, e.static+1), slices.Delete(ends, e.static, e.static+1)
		}
		e.names, e.until = append(fresh, n), append(ends, until)
	}
	e.touched = now
}

// pin notes names that count for ever.
func (t *table) pin(hosts map[netip.Addr][]string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for a, names := range hosts {
		e := t.entry(a, now)
		if e.static == 0 {
			names = names[:min(len(names), maxNames)]
			e.names, e.until, e.static = names, make([]time.Time, len(names)), len(names)
		}
	}
}

func (t *table) entry(addr netip.Addr, now time.Time) *entry {
	if t.m == nil {
		t.m = make(map[netip.Addr]*entry)
	}
	e := t.m[addr]
	if e == nil {
		if len(t.m) >= maxAddresses {
			t.evict()
		}
		e = &entry{touched: now}
		t.m[addr] = e
	}
	return e
}

// evict drops about an eighth: those that were learned longest ago among some.
func (t *table) evict() {
	var times []time.Time
	for _, e := range t.m {
		if times = append(times, e.touched); len(times) == 64 {
			break
		}
	}
	sort.Slice(times, func(i, j int) bool { return times[i].Before(times[j]) })
	limit := times[len(times)/8]
	for a, e := range t.m {
		if e.static == 0 && !e.touched.After(limit) {
			delete(t.m, a)
		}
	}
	for a := range t.m {
		if len(t.m) < maxAddresses {
			return
		}
		delete(t.m, a)
	}
}

// names gives the names that count for addr now. The result must not be
// changed. It allocates only where some have expired.
func (t *table) names(addr netip.Addr, now time.Time) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.m[addr.Unmap().WithZone("")]
	if e == nil {
		return nil
	}
	over := func(i int) bool { return i >= e.static && !now.Before(e.until[i]) }
	for i := range e.names {
		if !over(i) {
			continue
		}
		var out []string
		for j, n := range e.names {
			if !over(j) {
				out = append(out, n)
			}
		}
		return out
	}
	return e.names
}

// expired gives the names that counted for addr once and do not now.
func (t *table) expired(addr netip.Addr, now time.Time) (out []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.m[addr.Unmap().WithZone("")]
	if e == nil {
		return nil
	}
	for i := e.static; i < len(e.names); i++ {
		if !now.Before(e.until[i]) && now.Sub(e.until[i]) < maxRemember {
			out = append(out, e.names[i])
		}
	}
	return out
}
