package notify

import (
	"net/netip"
	"syscall"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept/relay"
	"github.com/limpet-security/limpet/internal/kernel/linux"
)

// How long a connect that package relay carries waits for the outcome of the
// real one. A program that does not block expects to go on at once: it is held
// up for as long as a near host takes, and told of a failure beyond that by a
// reset.
const (
	relayPatience   = 30 * time.Second
	relayImpatience = time.Second
)

// relayed says whether a connection that was allowed goes through package
// relay, which looks at its first words, or at what it asks of a proxy.
func (s *Supervisor) relayed(k *sock, a *action.Connect) (proxy, yes bool) {
	if !k.kind.tcp() {
		return false, false
	}
	return s.cfg.Relay.Wants(a)
}

// connectRelayed connects to the peer of a in the program's place and then the
// duplicate fd to the relay. It takes over the hold on k.
func (s *Supervisor) connectRelayed(c *Call, k *sock, fd int, a *action.Connect, proxy bool, addr []byte, sum uint64) Response {
	peer := a.Peer
	try, err := s.cfg.Relay.Begin(peer, c.Process(), proxy)
	if err != nil {
		s.net.put(k)
		s.cfg.Logger.Warn("a connection cannot be looked into", "error", err)
		return fail(syscall.ENOBUFS)
	}
	patience := relayPatience
	if linux.IsNonblock(fd) {
		patience = relayImpatience
	}
	c.Slow()
	c.w = nil
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		defer s.refuseOnPanic(c)
		if !s.awaitTry(c, try, patience) {
			s.cfg.Relay.Abandon(try)
			s.net.put(k)
			c.mem.close()
			return
		}
		select {
		case <-try.Done():
			if e := try.Errno(); e != 0 {
				s.net.put(k)
				c.Answer(fail(e))
				return
			}
		default:
		}
		if r := s.joinRelay(c, k, fd, peer, addr, try, sum); !r.postpone {
			s.net.put(k)
			c.Answer(r)
		}
	}()
	return later()
}

// awaitTry waits for an outcome, but not longer than patience. false: nobody
// waits for it any more.
func (s *Supervisor) awaitTry(c *Call, try *relay.Try, patience time.Duration) bool {
	look := time.NewTicker(tick)
	defer look.Stop()
	for late := time.Now().Add(patience); time.Now().Before(late); {
		select {
		case <-try.Done():
			return !s.closed.Load() && c.Valid()
		case <-look.C:
			if s.closed.Load() || !c.Valid() {
				return false
			}
		}
	}
	return c.Valid()
}

func (s *Supervisor) joinRelay(c *Call, k *sock, fd int, peer netip.AddrPort, addr []byte, try *relay.Try, sum uint64) Response {
	v6 := peer.Addr().Is6()
	local, e := s.bindFor(k, fd, addr, v6)
	if e != 0 {
		s.cfg.Relay.Abandon(try)
		return fail(e)
	}
	at, err := s.cfg.Relay.Expect(try, local, v6)
	if err != nil {
		s.cfg.Relay.Abandon(try)
		return fail(syscall.ENOBUFS)
	}
	to := inetAddress(k.kind.domain, at)
	if linux.IsNonblock(fd) {
		c.effect(sum)
		return s.connectNonblock(k, fd, to)
	}
	first, e := c.connectPatiently(k, fd, to, sum)
	switch e {
	case 0:
		c.effect(sum)
		s.settle(k, to, connected)
		return value(0)
	case syscall.EALREADY:
		if s.connectWait(c, k, fd, to, first, sum) {
			return later()
		}
		return fail(syscall.ENOBUFS)
	}
	return fail(e)
}

// refuseOnPanic answers a call whose goroutine failed.
func (s *Supervisor) refuseOnPanic(c *Call) {
	if v := recover(); v != nil {
		s.faults.Add(1)
		if s.cfg.Fault != nil {
			s.cfg.Fault("connect", v)
		}
		c.Answer(fail(syscall.EPERM))
	}
}
