package resolve

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// How long an answer is given again. A workload expects a name that moves to
// move at once (a container that was replaced; Docker says 600 seconds), so
// this is only for those who ask the same several times in a row.
const (
	maxFresh        = 3 * time.Second
	maxCached       = 1024
	maxCachedAnswer = 4096
)

// cacheKey is everything that an answer depends on.
type cacheKey struct {
	server     netip.AddrPort
	name       string
	typ        dnsmessage.Type
	tcp        bool
	edns       bool
	size       uint16
	rd, cd, ad bool
	dnssec     bool
}

type cached struct {
	answer []byte
	ttls   []int // offsets
	at     time.Time
	until  time.Time
	found  found
}

type cache struct {
	mu sync.Mutex
	m  map[cacheKey]*cached
}

func (q *question) key(server netip.AddrPort, tcp bool) cacheKey {
	h := &q.header
	return cacheKey{server: server, name: q.asked.Name.String(), typ: q.asked.Type, tcp: tcp, edns: q.edns, size: q.size,
		rd: h.RecursionDesired, cd: h.CheckingDisabled, ad: h.AuthenticData, dnssec: q.dnssec}
}

// get gives a copy of an answer, as it would be now.
func (c *cache) get(k cacheKey, q *question, now time.Time) ([]byte, found, bool) {
	c.mu.Lock()
	e := c.m[k]
	c.mu.Unlock()
	if e == nil || !now.Before(e.until) {
		return nil, found{}, false
	}
	out := make([]byte, len(e.answer))
	copy(out, e.answer)
	age := uint32(now.Sub(e.at) / time.Second)
	for _, i := range e.ttls {
		ttl := binary.BigEndian.Uint32(out[i:])
		binary.BigEndian.PutUint32(out[i:], ttl-min(ttl, age))
	}
	return out, e.found, true
}

// put keeps a good answer.
func (c *cache) put(k cacheKey, answer []byte, f found, now time.Time) {
	if f.rcode != dnsmessage.RCodeSuccess || f.truncated || f.ttl == 0 || len(f.addresses) == 0 || len(answer) > maxCachedAnswer {
		return
	}
	at, ok := lifetimes(answer)
	if !ok {
		return
	}
	e := &cached{answer: answer, ttls: at, at: now, until: now.Add(min(f.ttl, maxFresh)), found: f}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = make(map[cacheKey]*cached)
	}
	if len(c.m) >= maxCached {
		for k, e := range c.m {
			if !now.Before(e.until) {
				delete(c.m, k)
			}
		}
		for k := range c.m {
			if len(c.m) < maxCached {
				break
			}
			delete(c.m, k)
		}
	}
	c.m[k] = e
}
