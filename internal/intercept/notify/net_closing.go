package notify

import (
	"slices"
	"sync"
	"time"
)

// closing watches sockets whose connect failed, because their owner is about
// to close them. Until our duplicate goes as well, the owner's epoll goes on
// to report the dead socket under its number, which may belong to another
// connection by then: haproxy, which leaves it to close to end the watch,
// takes that for the end of the new one. The sweep would come too late.
type closing struct {
	mu    sync.Mutex
	socks []closingSock
	stop  chan struct{} // nil: nobody looks
	shut  bool
	wg    sync.WaitGroup
}

type closingSock struct {
	k     *sock
	since time.Time
}

const (
	closingFirst = 50 * time.Microsecond // the first pause; each is twice as long as the one before
	closingShare = 4                     // pause at least this many times a look's length
	closingLimit = 100 * time.Millisecond
	maxClosing   = 256 // the sweep takes what is beyond
)

// watchClosing lets the duplicate go as soon as nobody holds the socket.
func (s *Supervisor) watchClosing(k *sock) {
	w := &s.net.closing
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shut || len(w.socks) >= maxClosing {
		return
	}
	w.socks = append(w.socks, closingSock{k, time.Now()})
	if w.stop == nil {
		stop := make(chan struct{})
		w.stop = stop
		w.wg.Go(func() { s.closingLoop(w, stop) })
	}
}

func (w *closing) close() {
	w.mu.Lock()
	if !w.shut && w.stop != nil {
		close(w.stop)
	}
	w.shut = true
	w.mu.Unlock()
	w.wg.Wait()
}

func (s *Supervisor) closingLoop(w *closing, stop <-chan struct{}) {
	for pause := closingFirst; ; pause *= 2 {
		select {
		case <-stop:
			return
		case <-time.After(pause):
		}
		began := time.Now()
		w.mu.Lock()
		socks := slices.Clone(w.socks)
		w.mu.Unlock()
		done := make(map[*sock]bool)
		var closed []*sock
		for _, c := range socks {
			switch {
			case s.net.isGone(c.k) || began.Sub(c.since) > closingLimit:
				done[c.k] = true
			case !s.stillHeld(c.k):
				done[c.k] = true
				closed = append(closed, c.k)
			}
		}
		if len(closed) > 0 {
			s.dropDead(closed)
			pause = closingFirst
		}
		w.mu.Lock()
		n := len(w.socks)
		w.socks = slices.DeleteFunc(w.socks, func(c closingSock) bool { return done[c.k] })
		if len(w.socks) == 0 {
			w.stop = nil
			w.mu.Unlock()
			return
		}
		if n > len(socks) {
			pause = closingFirst // a new one
		}
		w.mu.Unlock()
		pause = min(max(pause, closingShare*time.Since(began)), closingLimit)
	}
}
