package verdict

import (
	"net/netip"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/workload"
)

// exception is a compiled policy.Exception: every selector that is set must
// match.
type exception struct {
	controls  []policy.ControlID // nil: all
	processes *pathSet
	users     userSet
	paths     *pathSet
	digests   map[workload.Digest]int
	addrs     addrSet
	ports     portSet
	names     *hostSet
	syscalls  map[string]bool
}

func (c *compiler) newException(x *policy.Exception) *exception {
	e := &exception{
		controls: x.Controls, processes: c.paths(x.Processes), users: c.users(x.Users), paths: c.paths(x.Paths),
		digests: digestSet(x.Digests), addrs: c.addrs(x.CIDRs), ports: newPortSet(x.Ports), names: newHostSet(x.DNSNames), syscalls: callSet(x.Syscalls),
	}
	if x.Empty() {
		e.users = userSet{set: true} // matches nobody: an exception for everything is a mistake
	}
	return e
}

// subject is what an exception can be about.
type subject struct {
	proc    *action.Process
	path    string
	digest  workload.Digest
	addr    netip.Addr
	port    uint16
	name    string // that a name server is asked for
	syscall string
}

func (x *exception) covers(s *subject) bool {
	if x.processes != nil && (s.proc == nil || !x.processes.has(s.proc.Exe)) {
		return false
	}
	if x.users.set && (s.proc == nil || !x.users.has(s.proc.UID)) {
		return false
	}
	if x.paths != nil && !x.paths.has(s.path) {
		return false
	}
	if x.digests != nil {
		if _, ok := x.digests[s.digest]; !ok || s.digest.IsZero() {
			return false
		}
	}
	if !x.addrs.empty() && !x.addrs.has(s.addr) {
		return false
	}
	if x.ports != nil && !x.ports.has(s.port) {
		return false
	}
	if x.names != nil && !x.names.has(s.name) {
		return false
	}
	return x.syscalls == nil || x.syscalls[s.syscall]
}

func (s *source) excepted(about *subject) bool {
	for _, x := range s.exceptions {
		if x.covers(about) {
			return true
		}
	}
	return false
}

func callSet(names []policy.SyscallName) map[string]bool {
	if len(names) == 0 {
		return nil
	}
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[string(n)] = true
	}
	return m
}
