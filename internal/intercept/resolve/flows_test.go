package resolve

import (
	"net/netip"
	"testing"

	"github.com/limpet-security/limpet/internal/action"
)

// A socket that has just been registered is known until its question comes,
// however many others come in between, and one that goes on asking stays; what
// nobody uses is forgotten.
func TestFlowsInUseStay(t *testing.T) {
	var f flows
	at := func(i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, byte(i >> 16), 1}), uint16(i))
	}
	steady := at(1 << 20)
	f.put(steady, &action.Process{PID: -1})
	for i := range 5 * maxFlows {
		f.put(at(i), &action.Process{PID: i})
		if back := i - 500; back >= 0 && (f.get(at(back)) == nil || f.get(at(back)).PID != back) {
			t.Fatalf("the socket before the last 500 is unknown at %d", i)
		}
		if i%1000 == 0 && f.get(steady) == nil {
			t.Fatalf("a socket that asks is forgotten at %d", i)
		}
		if n := len(f.young) + len(f.old); n > maxFlows {
			t.Fatalf("%d are remembered, at most %d may be", n, maxFlows)
		}
	}
	if f.get(at(0)) != nil {
		t.Error("what nobody uses is still there")
	}
}
