package events

import "sync"

// Hub tells whoever waits that events were committed. The zero value is ready
// to use, and it is safe for concurrent use. It carries no events: a stream
// reads them from the store, so that a slow reader loses nothing and holds
// nobody up.
type Hub struct {
	mu   sync.Mutex
	next chan struct{} // guarded by mu; closed by Committed
}

// Wait gives a channel that is closed at the next Committed. Take it before
// reading the store.
func (h *Hub) Wait() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.next == nil {
		h.next = make(chan struct{})
	}
	return h.next
}

// Committed wakes everybody who waits.
func (h *Hub) Committed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.next != nil {
		close(h.next)
		h.next = nil
	}
}
