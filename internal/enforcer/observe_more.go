package enforcer

import (
	"net/netip"
	"strings"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/intercept"
	"github.com/limpet-security/limpet/internal/kernel/seccomp"
	"github.com/limpet-security/limpet/internal/profile"
	"github.com/limpet-security/limpet/internal/wire"
)

// ArmsToLearn adds what a learning start has to notify. names says that names
// may matter to a policy that is not known yet.
func ArmsToLearn(a seccomp.Arms, learning, names bool) seccomp.Arms {
	a.Receives = a.Receives || learning || names
	a.Reads = a.Reads || learning
	return a
}

// watching says whether what happens must be seen although no rule asks.
func (l *Loop) watching() bool { return l.observer.on.Load() }

// atLeastWatched is the care for files of a loop that learns.
func (l *Loop) atLeastWatched(c intercept.FileCare) intercept.FileCare {
	if l.watching() {
		c.Reads, c.Changes = max(c.Reads, intercept.Watched), max(c.Changes, intercept.Watched)
	}
	return c
}

// bind notes a port that is bound or listened on. A client that binds any port
// says nothing.
func (o *Observer) bind(b *action.Bind) {
	if !o.on.Load() || b.Proc == nil || b.Local.Port() == 0 {
		return
	}
	o.note(thing{kind: wire.ProfileListen, exe: b.Proc.Exe, uid: b.Proc.UID, proto: b.Protocol, peer: b.Local})
}

// SeesBinds says that the engine asks about every bind and listen, and that the
// workload has just started: what was observed from then on needs no look at
// the ports that are open.
func (l *Loop) SeesBinds() {
	o := &l.observer
	o.mu.Lock()
	defer o.mu.Unlock()
	o.binds = o.on.Load()
}

// query notes a name that is asked for, without the search domain.
func (o *Observer) query(q *action.Query) {
	if !o.on.Load() || q.Proc == nil || !q.Asked() || q.Name == "" {
		return
	}
	name := q.Name
	if q.Bare != "" {
		name = q.Bare
	}
	o.note(thing{kind: wire.ProfileDNS, exe: q.Proc.Exe, uid: q.Proc.UID, detail: name})
}

// nameOf gives the name by which a connection's address is known; "" where the
// address itself says as much.
func nameOf(c *action.Connect) string {
	a := c.Peer.Addr().Unmap()
	if len(c.Names) == 0 || c.Resolver || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() {
		return ""
	}
	return c.Names[0]
}

// settled is the form in which a connection's address is kept: where a name
// stands for it, the address may be another one tomorrow.
func settled(c *action.Connect) (string, netip.AddrPort) {
	n := nameOf(c)
	if n == "" {
		return "", c.Peer
	}
	zero := netip.IPv4Unspecified()
	if c.Peer.Addr().Is6() && !c.Peer.Addr().Is4In6() {
		zero = netip.IPv6Unspecified()
	}
	return n, netip.AddrPortFrom(zero, c.Peer.Port())
}

// programTrees hold what every program reads: libraries, tables, itself.
var programTrees = []string{"/usr/", "/lib", "/bin/", "/sbin/", "/proc/", "/sys/", "/dev/", "/etc/ld.so", "/etc/nsswitch", "/etc/localtime"}

// worthNoting leaves out reads that say nothing.
func worthNoting(f *action.FileOp) bool {
	if f.Path == "" {
		return false
	}
	if f.Access&action.FileChange != 0 {
		return true
	}
	if f.Dir() {
		return false
	}
	if profile.SharedObject(f.Path) {
		return true // which libraries are in use
	}
	for _, t := range programTrees {
		if strings.HasPrefix(f.Path, t) {
			return false
		}
	}
	return true
}
