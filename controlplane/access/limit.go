package access

import (
	"sync"
	"time"
)

// Limiter bounds how often something may be tried under a name: a bucket of
// Burst tries that refills by one every Every. The zero value of its table is
// ready to use. It is safe for concurrent use.
type Limiter struct {
	Burst int
	Every time.Duration

	mu      sync.Mutex
	buckets map[string]bucket // guarded by mu; at most maxBuckets
}

type bucket struct {
	left float64
	at   time.Time
}

// maxBuckets bounds the table. When it is full, buckets that are full again
// are dropped; if none is, new names are refused until one is.
const maxBuckets = 50_000

// Allow takes one try from the bucket of name, or says how long to wait.
func (l *Limiter) Allow(name string, now time.Time) (ok bool, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buckets == nil {
		l.buckets = map[string]bucket{}
	}
	b, known := l.buckets[name]
	if !known {
		if len(l.buckets) >= maxBuckets {
			l.drop(now)
			if len(l.buckets) >= maxBuckets {
				return false, l.Every
			}
		}
		b = bucket{left: float64(l.Burst), at: now}
	}
	b.left = min(float64(l.Burst), b.left+now.Sub(b.at).Seconds()/l.Every.Seconds())
	b.at = now
	if b.left >= 1 {
		b.left--
		ok = true
	} else {
		wait = time.Duration((1 - b.left) * float64(l.Every))
	}
	l.buckets[name] = b
	return ok, wait
}

// Forget gives a name its full bucket back, after a success.
func (l *Limiter) Forget(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.buckets, name)
}

func (l *Limiter) drop(now time.Time) {
	for name, b := range l.buckets {
		if b.left+now.Sub(b.at).Seconds()/l.Every.Seconds() >= float64(l.Burst) {
			delete(l.buckets, name)
		}
	}
}
