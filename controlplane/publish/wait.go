package publish

import (
	"sync"
	"time"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/tenant"
)

type waitKey struct {
	tenant tenant.ID
	group  string
}

// waiters is who waits for which group. Thousands of polls of one group share
// one room: one channel and one look at the store. A group that nobody waits
// for takes no space.
//
// A room stands until the next wake, and its look at the store happens after
// it was made. A bundle that is committed after that look is followed by a
// wake that closes the room, so nobody can sleep on an old answer.
type waiters struct {
	mu    sync.Mutex
	rooms map[waitKey]*room // guarded by mu
}

// room is shared by those who wait for the same next bundle.
type room struct {
	ch chan struct{} // closed by the wake
	n  int           // how many are inside; guarded by waiters.mu

	mu     sync.Mutex
	bundle store.Bundle // guarded by mu, as err and at
	err    error
	at     time.Time
}

// lookAgain is how old a look at the store may be: another server on the same
// database may have made a bundle and cannot wake this one's rooms.
const lookAgain = 2 * time.Second

// enter joins the room of k. done must be called once.
func (w *waiters) enter(k waitKey) (r *room, done func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rooms == nil {
		w.rooms = map[waitKey]*room{}
	}
	r = w.rooms[k]
	if r == nil {
		r = &room{ch: make(chan struct{})}
		w.rooms[k] = r
	}
	r.n++
	return r, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if r.n--; r.n == 0 && w.rooms[k] == r {
			delete(w.rooms, k)
		}
	}
}

// newest looks at the store once for all who are in the room.
func (r *room) newest(load func() (store.Bundle, error)) (store.Bundle, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at.IsZero() || r.err != nil || time.Since(r.at) > lookAgain {
		r.bundle, r.err = load()
		r.at = time.Now()
	}
	return r.bundle, r.err
}

// wake empties the room of k: all who waited look again.
func (w *waiters) wake(k waitKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.rooms[k]; r != nil {
		close(r.ch)
		delete(w.rooms, k)
	}
}
