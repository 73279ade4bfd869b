package notify

import (
	"sync"
	"time"

	"github.com/limpet-security/limpet/internal/action"
)

// heads remembers, by identity, programs that were found not to be scripts:
// they need not be opened to be looked at again. What was changed too lately for
// its time of change to tell is not remembered, as in drift.Digests. Should an
// entry be wrong all the same, the exec stop shows another program than was
// expected (verified), and that is judged.
type heads struct {
	mu sync.RWMutex
	m  map[action.File]bool // whether it is linked statically
}

// Bounds of heads.
const (
	maxHeads    = 4096
	headSettles = 50 * time.Millisecond
)

func (h *heads) get(f action.File) (static, ok bool) {
	h.mu.RLock()
	static, ok = h.m[f]
	h.mu.RUnlock()
	return static, ok
}

func (h *heads) put(f action.File, static bool) {
	if time.Now().UnixNano()-f.CtimeNs <= int64(headSettles) {
		return
	}
	h.mu.Lock()
	if h.m == nil || len(h.m) >= maxHeads {
		h.m = make(map[action.File]bool)
	}
	h.m[f] = static
	h.mu.Unlock()
}

// OpenObject implements action.Opener.
func (a *attempt) OpenObject() int {
	if a.FD < 0 && a.hold() {
		a.FD = a.reopen(a.obj)
	}
	return a.FD
}
