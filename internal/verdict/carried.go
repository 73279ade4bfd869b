package verdict

import "net/netip"

// carried gives the IPv4 address that an IPv6 address leads to where somebody on
// the way translates or unpacks it; the zero Addr for every other address. Where
// nobody does, such an address leads nowhere, so a rule that forbids the one
// loses nothing by forbidding the other.
func carried(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return netip.Addr{}
	}
	b := a.As16()
	const zero8 = "\x00\x00\x00\x00\x00\x00\x00\x00"
	switch head := string(b[:12]); {
	case head == "\x00\x64\xff\x9b"+zero8, // NAT64, RFC 6052
		head[:6] == "\x00\x64\xff\x9b\x00\x01",               // NAT64 of a network's own, RFC 8215, with its usual length
		head == zero8+"\xff\xff\x00\x00",                     // SIIT, RFC 2765
		head == zero8+"\x00\x00\x00\x00" && b[12]|b[13] != 0, // unpacked by the tunnel device sit0, RFC 4291; not :: and ::1
		b[8]&^2 == 0 && head[9:] == "\x00\x5e\xfe":           // ISATAP, RFC 5214
		return netip.AddrFrom4([4]byte(b[12:]))
	case head[:2] == "\x20\x02": // 6to4, RFC 3056
		return netip.AddrFrom4([4]byte(b[2:]))
	case head[:4] == "\x20\x01\x00\x00": // Teredo, RFC 4380: the client's, its bits turned over
		return netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})
	}
	return netip.Addr{}
}

// reaches says that an address, or one that it carries, is in the set: the
// question of what forbids. What allows asks has.
func (s *addrSet) reaches(a netip.Addr) bool {
	if s.has(a) {
		return true
	}
	v4 := carried(a)
	return v4.IsValid() && s.has(v4)
}
