package enforcer

import (
	"net/netip"
	"sync"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/verdict"
)

// scans counts the different hosts and ports that processes reach for within
// the window of the port scan control. It counts for each process, and for the
// children of each process together, because a scanner in a shell is a new
// process for every port.
type scans struct {
	mu sync.Mutex
	m  map[scanner]*reach
}

// scanner is a process (id and start), or the children of one (id alone).
type scanner struct {
	pid   int
	start uint64
}

// reach is what one scanner reached for. Beyond the limits nothing is added:
// the scanner counts as over until it was quiet for a window.
type reach struct {
	hosts map[netip.Addr]*hostReach
	quiet time.Time // over until then
	peak  action.Scan
	swept time.Time
}

type hostReach struct {
	ports map[uint16]time.Time
	last  time.Time
}

// maxScanners bounds how many processes are remembered.
const maxScanners = 4096

// note counts one attempt and gives the counts with it.
func (s *scans) note(c *action.Connect, n *verdict.NetworkNeeds, self int, now time.Time) action.Scan {
	if c.Proc == nil || !c.Peer.IsValid() {
		return action.Scan{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.of(scanner{c.Proc.PID, c.Proc.StartTime}, n, now).note(c.Peer, n, now)
	if p := c.Proc.PPID; p > 1 && p != self {
		up := s.of(scanner{pid: p}, n, now).note(c.Peer, n, now)
		got.Ports, got.Hosts = max(got.Ports, up.Ports), max(got.Hosts, up.Hosts)
	}
	return got
}

func (s *scans) of(k scanner, n *verdict.NetworkNeeds, now time.Time) *reach {
	if s.m == nil {
		s.m = make(map[scanner]*reach)
	}
	r := s.m[k]
	if r == nil {
		if len(s.m) >= maxScanners {
			s.evict(n.ScanWindow, now)
		}
		r = &reach{hosts: make(map[netip.Addr]*hostReach), swept: now}
		s.m[k] = r
	}
	return r
}

// evict forgets the idle, or any few if none is idle.
func (s *scans) evict(window time.Duration, now time.Time) {
	before := len(s.m)
	for k, r := range s.m {
		if r.expire(now.Add(-window)); len(r.hosts) == 0 && now.After(r.quiet) {
			delete(s.m, k)
		}
	}
	for k := range s.m {
		if len(s.m) <= before-before/8 {
			return
		}
		delete(s.m, k)
	}
}

func (r *reach) note(peer netip.AddrPort, n *verdict.NetworkNeeds, now time.Time) action.Scan {
	if now.Sub(r.swept) > n.ScanWindow/8 {
		r.expire(now.Add(-n.ScanWindow))
		r.swept = now
	}
	h := r.hosts[peer.Addr()]
	if h == nil && len(r.hosts) <= n.ScanHosts {
		h = &hostReach{ports: make(map[uint16]time.Time, 1)}
		r.hosts[peer.Addr()] = h
	}
	got := action.Scan{Hosts: len(r.hosts)}
	if h != nil {
		h.last = now
		if _, known := h.ports[peer.Port()]; known || len(h.ports) <= n.ScanPorts {
			h.ports[peer.Port()] = now
		}
		got.Ports = len(h.ports)
	}
	if now.Before(r.quiet) {
		got.Ports, got.Hosts = max(got.Ports, r.peak.Ports), max(got.Hosts, r.peak.Hosts)
	}
	if got.Ports > n.ScanPorts || got.Hosts > n.ScanHosts {
		r.peak, r.quiet = got, now.Add(n.ScanWindow)
	}
	return got
}

func (r *reach) expire(before time.Time) {
	for a, h := range r.hosts {
		for p, at := range h.ports {
			if at.Before(before) {
				delete(h.ports, p)
			}
		}
		if h.last.Before(before) {
			delete(r.hosts, a)
		}
	}
}
