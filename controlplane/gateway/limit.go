package gateway

import (
	"sync"
	"time"

	"github.com/limpet-security/limpet/internal/wire"
)

// limiter is a token bucket for each key, bounded in keys.
type limiter struct {
	rate, burst float64 // tokens a second; tokens at most

	mu      sync.Mutex
	buckets map[string]bucket // guarded by mu
	swept   time.Time         // of the last forget; guarded by mu
}

type bucket struct {
	tokens float64
	at     time.Time
}

// maxKeys bounds the buckets of one limiter. Beyond it, keys that cannot be
// told from unused ones are forgotten; if that frees nothing, new keys share one
// bucket.
const maxKeys = 1 << 17

const sharedKey = "\x00shared"

func newLimiter(rate float64, burst int) *limiter {
	return &limiter{rate: rate, burst: float64(burst), buckets: map[string]bucket{}}
}

// take takes n tokens, or says when they will be there (wire.ErrBusy). More
// than the burst is granted when the bucket is full, and paid for afterwards.
func (l *limiter) take(now time.Time, key string, n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.buckets[key]
	if !ok {
		if len(l.buckets) >= maxKeys && now.Sub(l.swept) >= time.Second {
			l.swept = now
			l.forget(now)
		}
		if len(l.buckets) >= maxKeys {
			key = sharedKey
			b, ok = l.buckets[key]
		}
	}
	if !ok {
		b = bucket{l.burst, now}
	}
	b = l.fill(b, now)
	need := min(float64(n), l.burst)
	if b.tokens < need {
		l.buckets[key] = b
		wait := time.Duration((need - b.tokens) / l.rate * float64(time.Second))
		return &wire.Error{Kind: wire.ErrBusy, RetryAfter: max(wait, 100*time.Millisecond)}
	}
	b.tokens -= float64(n)
	l.buckets[key] = b
	return nil
}

func (l *limiter) fill(b bucket, now time.Time) bucket {
	if d := now.Sub(b.at); d > 0 {
		b.tokens = min(l.burst, b.tokens+d.Seconds()*l.rate)
		b.at = now
	}
	return b
}

// forget removes full buckets: a new one would be the same.
func (l *limiter) forget(now time.Time) {
	for k, b := range l.buckets {
		if l.fill(b, now).tokens >= l.burst {
			delete(l.buckets, k)
		}
	}
}

// slots bounds what goes on at once, in all and for one key.
type slots struct {
	total, each int
	what        string // for the refusal: "long polls"

	mu sync.Mutex
	n  int            // guarded by mu
	by map[string]int // guarded by mu
}

func newSlots(what string, total, each int) *slots {
	return &slots{what: what, total: total, each: each, by: map[string]int{}}
}

// enter takes a slot until leave is called, or refuses with wire.ErrBusy.
func (s *slots) enter(key string) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n >= s.total {
		return nil, &wire.Error{Kind: wire.ErrBusy, Message: "the gateway has as many " + s.what + " as it may", RetryAfter: 5 * time.Second}
	}
	if s.by[key] >= s.each {
		return nil, &wire.Error{Kind: wire.ErrBusy, Message: "this caller has as many " + s.what + " as it may", RetryAfter: 2 * time.Second}
	}
	s.n++
	s.by[key]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.n--
		if s.by[key]--; s.by[key] == 0 {
			delete(s.by, key)
		}
	}, nil
}

func (s *slots) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}
