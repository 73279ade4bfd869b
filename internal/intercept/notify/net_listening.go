package notify

import (
	"net/netip"
	"slices"
)

// maxListeners bounds the listening sockets whose end is noticed at a connect;
// the sweep ends what is beyond.
const maxListeners = 512

// listener is a socket that listens and whose duplicate is kept.
type listener struct {
	k    *sock
	port uint16
}

// endListeners lets the duplicates go of listening sockets that nobody holds
// any more, before somebody of the tree connects to their port: it would be
// let in by us, where nobody listens.
func (s *Supervisor) endListeners(c *Call, k *sock, peer netip.AddrPort) {
	if !s.cfg.Arms.Accepts || !k.kind.stream() {
		return
	}
	var buf [4]*sock
	for _, l := range s.net.listenersAt(peer.Port(), buf[:0]) {
		if !s.stillHeld(l) {
			c.Slow()
			s.dropDead([]*sock{l})
		}
		s.net.put(l)
	}
}

// listenersAt holds and gives those that listen at a port.
func (n *netState) listenersAt(port uint16, into []*sock) []*sock {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners = slices.DeleteFunc(n.listeners, func(l listener) bool { return l.k.gone || l.k.drop })
	for _, l := range n.listeners {
		if l.port == port {
			l.k.users++
			into = append(into, l.k)
		}
	}
	return into
}
