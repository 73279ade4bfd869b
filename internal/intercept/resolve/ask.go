package resolve

import (
	"context"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/limpet-security/limpet/internal/action"
)

// asks are the names that we look up ourselves, because somebody connects to
// an address whose name decides.
type asks struct {
	mu    sync.Mutex
	next  map[string]time.Time // when a name may be asked again
	under map[string]chan struct{}
	room  chan struct{} // lookups under way
}

// Bounds of looking up.
const (
	askAgain = 10 * time.Second // at least, between two lookups of a name
	maxUnder = 32               // lookups under way
	waitMost = 2 * time.Second  // that a connect is held up
	maxAsks  = 4096
)

// Prepare looks up the names that may decide about a connection and whose
// addresses are not known for sure now. It gives a channel that is closed when
// they are, at the latest after waitMost; nil: there is nothing to wait for.
// a.Names must be filled in.
func (r *Resolver) Prepare(a *action.Connect) <-chan struct{} {
	now := r.cfg.Now()
	hosts := r.cfg.Judge.Needs().Hosts
	names := r.table.expired(a.Peer.Addr(), now)
	if len(names)+len(hosts) == 0 || a.Resolver || len(r.read().servers) == 0 {
		return nil
	}
	// What is listed must be known once before anything is decided; later it is
	// waited for only if it may change the answer.
	matters := len(names) > 0 || r.cfg.Judge.NamesMatter(a)
	names = append(names, hosts...)
	var wait []chan struct{}
	r.asks.mu.Lock()
	if r.asks.next == nil {
		r.asks.next, r.asks.under = make(map[string]time.Time), make(map[string]chan struct{})
		r.asks.room = make(chan struct{}, maxUnder)
	}
	for _, n := range names {
		if ch := r.asks.under[n]; ch != nil {
			wait = append(wait, ch)
			continue
		}
		next, known := r.asks.next[n]
		matters = matters || !known
		if now.Before(next) || len(r.asks.under) >= maxAsks || r.ctx.Err() != nil {
			continue
		}
		if len(r.asks.next) >= maxAsks {
			clear(r.asks.next)
		}
		r.asks.next[n] = now.Add(askAgain)
		ch := make(chan struct{})
		r.asks.under[n] = ch
		wait = append(wait, ch)
		r.wg.Go(func() {
			defer func() {
				r.asks.mu.Lock()
				delete(r.asks.under, n)
				r.asks.mu.Unlock()
				close(ch)
			}()
			defer r.caught()
			select {
			case r.asks.room <- struct{}{}:
				defer func() { <-r.asks.room }()
			case <-r.ctx.Done():
				return
			}
			r.lookUp(n)
		})
	}
	r.asks.mu.Unlock()
	if len(wait) == 0 || !matters {
		return nil
	}
	all := make(chan struct{})
	r.wg.Go(func() {
		defer close(all)
		late := time.NewTimer(waitMost)
		defer late.Stop()
		for _, ch := range wait {
			select {
			case <-ch:
			case <-late.C:
				return
			case <-r.ctx.Done():
				return
			}
		}
	})
	return all
}

// lookUp asks the workload's own servers for the addresses of a name.
func (r *Resolver) lookUp(name string) {
	n, err := dnsmessage.NewName(name + ".")
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(r.ctx, 2*askLimit)
	defer cancel()
	var wg sync.WaitGroup
	for _, typ := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
		wg.Go(func() {
			defer r.caught()
			q := question{asked: dnsmessage.Question{Name: n, Type: typ, Class: dnsmessage.ClassINET}, name: name, edns: true, size: 1232}
			q.header.RecursionDesired = true
			for _, server := range r.read().servers {
				if !believed(server.Addr()) {
					continue
				}
				b, err := r.exchange(ctx, &q, server, false)
				if err != nil {
					continue
				}
				f, err := q.read(b)
				if err == nil && f.truncated {
					if b, err = r.exchange(ctx, &q, server, true); err == nil {
						f, err = q.read(b)
					}
				}
				if err == nil {
					r.learn(&q, &f, server)
					if f.rcode == dnsmessage.RCodeSuccess || f.rcode == dnsmessage.RCodeNameError {
						return
					}
				}
			}
		})
	}
	wg.Wait()
}
