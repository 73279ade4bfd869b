package notify

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"testing"
)

func sa4(family int, a string, port uint16) []byte {
	b := make([]byte, 16)
	binary.NativeEndian.PutUint16(b, uint16(family))
	binary.BigEndian.PutUint16(b[2:], port)
	ip := netip.MustParseAddr(a).As4()
	copy(b[4:], ip[:])
	return b
}

func sa6(family int, a string, port uint16) []byte {
	b := make([]byte, 28)
	binary.NativeEndian.PutUint16(b, uint16(family))
	binary.BigEndian.PutUint16(b[2:], port)
	ip := netip.MustParseAddr(a).As16()
	copy(b[8:], ip[:])
	return b
}

func TestDestination(t *testing.T) {
	tcp4 := sockKind{syscall.AF_INET, syscall.SOCK_STREAM, 0}
	udp4 := sockKind{syscall.AF_INET, syscall.SOCK_DGRAM, 0}
	tcp6 := sockKind{syscall.AF_INET6, syscall.SOCK_STREAM, 0}
	udp6 := sockKind{syscall.AF_INET6, syscall.SOCK_DGRAM, 0}
	raw6 := sockKind{syscall.AF_INET6, syscall.SOCK_RAW, 58}
	for _, tc := range []struct {
		name    string
		kind    sockKind
		b       []byte
		connect bool
		want    string // "": leads nowhere
	}{
		{"v4", tcp4, sa4(syscall.AF_INET, "1.2.3.4", 80), true, "1.2.3.4:80"},
		{"v4 any is here", tcp4, sa4(syscall.AF_INET, "0.0.0.0", 80), true, "127.0.0.1:80"},
		{"v4 cut after the address", udp4, sa4(syscall.AF_INET, "1.2.3.4", 80)[:8], false, "1.2.3.4:80"},
		{"v4 cut within it", udp4, sa4(syscall.AF_INET, "1.2.3.4", 80)[:7], false, ""},
		{"unspec dissolves", tcp4, sa4(0, "1.2.3.4", 80), true, ""},
		{"unspec sends over v4", udp4, sa4(0, "1.2.3.4", 80), false, "1.2.3.4:80"},
		{"unspec is no address over UDP v6", udp6, sa6(0, "fd00::1", 80), false, ""},
		{"unspec sends over raw v6", raw6, sa6(0, "fd00::1", 80), false, "[fd00::1]:80"},
		{"v6", tcp6, sa6(syscall.AF_INET6, "fd00::1", 80), true, "[fd00::1]:80"},
		{"v6 any is here", tcp6, sa6(syscall.AF_INET6, "::", 80), true, "[::1]:80"},
		{"mapped", tcp6, sa6(syscall.AF_INET6, "::ffff:1.2.3.4", 80), true, "1.2.3.4:80"},
		{"mapped any", tcp6, sa6(syscall.AF_INET6, "::ffff:0.0.0.0", 80), true, "127.0.0.1:80"},
		{"v6 of RFC 2133", udp6, sa6(syscall.AF_INET6, "fd00::1", 80)[:24], false, "[fd00::1]:80"},
		{"v4 on v6", udp6, sa4(syscall.AF_INET, "1.2.3.4", 80), false, "1.2.3.4:80"},
		{"unix", tcp4, []byte{1, 0, '/', 'x'}, true, ""},
		{"empty", tcp4, nil, true, ""},
		{"one byte", tcp4, []byte{2}, true, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := tc.kind.destination(tc.b, tc.connect)
			if ok != (tc.want != "") || ok && got.String() != tc.want {
				t.Errorf("got %v, %v; want %q", got, ok, tc.want)
			}
		})
	}
}

func FuzzDestination(f *testing.F) {
	f.Add(2, 1, 0, sa4(2, "169.254.169.254", 80), true)
	f.Add(10, 2, 0, sa6(10, "::ffff:169.254.169.254", 80), false)
	f.Add(2, 3, 255, sa4(0, "1.2.3.4", 0), false)
	f.Fuzz(func(t *testing.T, domain, typ, proto int, b []byte, connect bool) {
		k := sockKind{domain, typ, proto}
		p, ok := k.destination(b, connect)
		if ok && (!p.Addr().IsValid() || p.Addr().Is4In6() || p.Addr().IsUnspecified()) {
			t.Errorf("%v names no comparable host", p)
		}
		_ = unixName(b)
	})
}

func TestUnixName(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"/run/x.sock\x00junk", "/run/x.sock"}, {"/a", "/a"}, {"\x00name", "@name"}, {"\x00name\x00\x00\x00", "@name"}, {"", ""},
	} {
		if got := unixName(append([]byte{1, 0}, tc.in...)); got != tc.want {
			t.Errorf("%q: got %q, want %q", tc.in, got, tc.want)
		}
	}
}

func FuzzSocketLink(f *testing.F) {
	for _, s := range []string{"socket:[123]", "socket:[]", "socket:[9999999999999999999999]", "pipe:[1]", "/tmp/socket:[1]", "socket:[1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if in, e := parseSocketLink(b); e != 0 && in != 0 {
			t.Errorf("%q gave %d and %v", b, in, e)
		}
	})
}

func FuzzControl(f *testing.F) {
	f.Add([]byte{28, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0, 0})
	f.Add([]byte{20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, mark := scanControl(b)
		if e != 0 || mark {
			return
		}
		// What passed holds nothing but what is listed.
		for rest := b; len(rest) >= cmsgHeader; {
			n := binary.NativeEndian.Uint64(rest)
			kind := [2]int32{int32(binary.NativeEndian.Uint32(rest[8:])), int32(binary.NativeEndian.Uint32(rest[12:]))}
			if !controls[kind] {
				t.Fatalf("%v passed", kind)
			}
			step := (n + 7) &^ 7
			if step >= uint64(len(rest)) {
				break
			}
			rest = rest[step:]
		}
	})
}
