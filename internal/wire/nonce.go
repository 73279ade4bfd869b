package wire

import (
	"crypto/sha256"
	"sync"
	"time"
)

// nonceLife is how long a nonce must be remembered: a request may be up to
// MaxSkew ahead of this clock, and stays acceptable until MaxSkew after its time.
const nonceLife = 2 * MaxSkew

// maxNonces bounds each of the two generations (about 40 bytes an entry).
const maxNonces = 1 << 20

// nonces remembers used nonces for at least nonceLife. Two maps take turns: the
// older is thrown away whole when the younger is nonceLife old. When a map is
// full it refuses (ErrBusy) rather than forget one that could be replayed.
type nonces struct {
	mu          sync.Mutex
	young, old  map[[16]byte]struct{} // guarded by mu
	since       time.Time             // start of young; guarded by mu
	maxForTests int                   // 0: maxNonces
}

// use remembers the nonce of this enforcer, or says that it was there already.
func (n *nonces) use(now time.Time, enforcer string, nonce []byte) error {
	sum := sha256.Sum256(append([]byte(enforcer+"\x00"), nonce...))
	key := [16]byte(sum[:16])
	limit := maxNonces
	if n.maxForTests > 0 {
		limit = n.maxForTests
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch age := now.Sub(n.since); {
	case n.young == nil || age >= 2*nonceLife:
		n.old, n.young, n.since = nil, map[[16]byte]struct{}{}, now
	case age >= nonceLife:
		n.old, n.young, n.since = n.young, map[[16]byte]struct{}{}, now
	}
	if _, ok := n.young[key]; ok {
		return Errorf(ErrSignature, "the request was sent before")
	}
	if _, ok := n.old[key]; ok {
		return Errorf(ErrSignature, "the request was sent before")
	}
	if len(n.young) >= limit {
		return &Error{Kind: ErrBusy, Message: "too many requests are remembered", RetryAfter: 30 * time.Second}
	}
	n.young[key] = struct{}{}
	return nil
}
