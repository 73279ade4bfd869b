package notify

import (
	"net/netip"
	"syscall"
	"testing"
)

// Where a packet goes is what its sender wrote.
func TestRawHeaders(t *testing.T) {
	v4 := func(proto byte, fragment byte, options []byte, payload ...byte) []byte {
		b := make([]byte, 20, 60)
		b[0], b[7], b[9] = 0x45+byte(len(options)/4), fragment, proto
		copy(b[16:], []byte{192, 0, 2, 1})
		return append(append(b, options...), payload...)
	}
	v6 := func(next byte, payload ...byte) []byte {
		b := make([]byte, 40, 80)
		b[6], b[24], b[39] = next, 0xfd, 1
		return append(b, payload...)
	}
	segment := []byte{1, 2, 0, 25}
	for _, tt := range []struct {
		name   string
		domain int
		b      []byte
		proto  int
		to     string // "": refused
	}{
		{"TCP", syscall.AF_INET, v4(6, 0, nil, segment...), 6, "192.0.2.1:25"},
		{"options without a route", syscall.AF_INET, v4(17, 0, []byte{1, 1, 7, 3, 4, 1, 0, 0}, segment...), 17, "192.0.2.1:25"},
		{"a source route", syscall.AF_INET, v4(17, 0, []byte{1, 131, 7, 4, 10, 0, 0, 1}, segment...), 0, ""},
		{"options that do not end", syscall.AF_INET, v4(17, 0, []byte{7, 9, 0, 0}, segment...), 0, ""},
		{"a later fragment", syscall.AF_INET, v4(6, 1, nil, segment...), 6, "192.0.2.1:0"},
		{"a tiny fragment", syscall.AF_INET, v4(6, 0, nil, 1, 2, 3), 6, "192.0.2.1:0"},
		{"ICMP has no ports", syscall.AF_INET, v4(1, 0, nil, segment...), 1, "192.0.2.1:0"},
		{"shorter than its header", syscall.AF_INET, v4(6, 0, nil)[:19], 0, ""},
		{"UDP over IPv6", syscall.AF_INET6, v6(17, segment...), 17, "[fd00::1]:25"},
		{"behind an extension", syscall.AF_INET6, v6(60, append([]byte{6, 0, 1, 4, 0, 0, 0, 0}, segment...)...), 6, "[fd00::1]:25"},
		{"a routing header", syscall.AF_INET6, v6(0, append([]byte{43, 0, 1, 4, 0, 0, 0, 0}, make([]byte, 24)...)...), 0, ""},
		{"the first fragment", syscall.AF_INET6, v6(44, append([]byte{6, 0, 0, 1, 0, 0, 0, 0}, segment...)...), 6, "[fd00::1]:25"},
		{"a later fragment of IPv6", syscall.AF_INET6, v6(44, append([]byte{6, 0, 0, 9, 0, 0, 0, 0}, segment...)...), 6, "[fd00::1]:0"},
		{"an extension that is cut", syscall.AF_INET6, v6(60, 6, 3, 1, 4), 0, ""},
	} {
		proto, to, payload, ok := readHeader(tt.domain, tt.b)
		if got := local(to, portOf(proto, payload)).String(); ok != (tt.to != "") || ok && (got != tt.to || proto != tt.proto) {
			t.Errorf("%s: %d %s %v", tt.name, proto, got, ok)
		}
	}
	if a := (sockKind{syscall.AF_INET, syscall.SOCK_RAW, 6}).flow(netip.MustParseAddrPort("192.0.2.1:443")); !a.Raw || a.Peer.Port() != 0 {
		t.Errorf("the port of the address was believed: %+v", a)
	}
}

func FuzzRawHeader(f *testing.F) {
	f.Add(2, []byte("E\x00\x00\x1c\x00\x00\x00\x00@\x11\x00\x00\x7f\x00\x00\x01\xc0\x00\x02\x01\x00\x01\x00\x35"))
	f.Add(10, append(make([]byte, 40), 6, 0, 0, 0, 0, 0, 0, 0))
	f.Fuzz(func(t *testing.T, domain int, b []byte) {
		if proto, to, payload, ok := readHeader(domain, b); ok && (!to.IsValid() || len(payload) > len(b)) {
			t.Error(proto, to, len(payload))
		}
	})
}
