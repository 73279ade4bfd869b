package enforcer

import (
	"net/netip"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/verdict"
)

func TestScans(t *testing.T) {
	var s scans
	n := &verdict.NetworkNeeds{ScanWindow: 10 * time.Second, ScanPorts: 3, ScanHosts: 5}
	now := time.Unix(1000, 0)
	at := func(pid, ppid int, host byte, port uint16) action.Scan {
		return s.note(&action.Connect{Proc: &action.Process{PID: pid, PPID: ppid, StartTime: 7}, Peer: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, host}), port)}, n, 1, now)
	}
	for i := range uint16(3) {
		for range 2 { // the same again is nothing new
			if got := at(20, 1, 1, 80+i); got.Ports != int(i)+1 || got.Hosts != 1 {
				t.Errorf("port %d: %+v", i, got)
			}
		}
	}
	if got := at(20, 1, 1, 99); got.Ports != 4 {
		t.Errorf("over: %+v", got)
	}
	if got := at(20, 1, 2, 80); got.Ports != 4 {
		t.Errorf("a scanner that goes on elsewhere: %+v", got)
	}
	if got := at(21, 1, 1, 99); got.Ports != 1 {
		t.Errorf("another process: %+v", got)
	}
	now = now.Add(9 * time.Second)
	if got := at(20, 1, 3, 80); got.Ports != 4 {
		t.Errorf("while it goes on: %+v", got)
	}
	now = now.Add(11 * time.Second)
	if got := at(20, 1, 1, 80); got.Ports != 1 || got.Hosts != 1 {
		t.Errorf("after a quiet window: %+v", got)
	}
	for i := range 8 { // a process for each host
		if got := at(100+i, 50, byte(i), 80); got.Hosts != min(i+1, 6) {
			t.Errorf("child %d: %+v", i, got)
		}
	}
	for i := range 3 * maxScanners {
		at(1000+i, 1, 1, 1)
	}
	if len(s.m) > maxScanners {
		t.Errorf("%d are remembered", len(s.m))
	}
}
