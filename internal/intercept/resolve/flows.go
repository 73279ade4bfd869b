package resolve

import (
	"net/netip"

	"github.com/limpet-security/limpet/internal/action"
)

// flows says whose socket asks from an address. It holds at most maxFlows, in
// two generations: when the young one is full it becomes the old one, which is
// forgotten. So the maxFlows/2 that were used last are always there, among
// them every socket whose question is on its way.
type flows struct {
	young, old map[netip.AddrPort]*action.Process
}

func (f *flows) put(local netip.AddrPort, proc *action.Process) {
	if f.young == nil || len(f.young) >= maxFlows/2 {
		f.old, f.young = f.young, make(map[netip.AddrPort]*action.Process)
	}
	f.young[local] = proc
}

// get gives nil for an address that nobody registered.
func (f *flows) get(local netip.AddrPort) *action.Process {
	proc := f.young[local]
	if proc == nil {
		if proc = f.old[local]; proc != nil {
			f.put(local, proc) // it is used: it stays
		}
	}
	return proc
}
