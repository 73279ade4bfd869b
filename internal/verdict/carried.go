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
	at := 12
	switch {
	case nat64.Contains(a), nat64Local.Contains(a), siit.Contains(a):
	case compatible.Contains(a) && (b[12] != 0 || b[13] != 0): // not :: and ::1
	case b[0] == 0x20 && b[1] == 0x02: // 6to4, RFC 3056
		at = 2
	case teredo.Contains(a): // RFC 4380: the client's address, its bits turned over
		return netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})
	case b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe: // ISATAP, RFC 5214
	default:
		return netip.Addr{}
	}
	return netip.AddrFrom4([4]byte(b[at:]))
}

var (
	nat64      = netip.MustParsePrefix("64:ff9b::/96")   // RFC 6052
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48") // RFC 8215; with its usual length, 96
	siit       = netip.MustParsePrefix("::ffff:0:0:0/96")
	compatible = netip.MustParsePrefix("::/96") // RFC 4291, unpacked by the tunnel device sit0
	teredo     = netip.MustParsePrefix("2001::/32")
)

// reaches says that an address, or one that it carries, is in the set: the
// question of what forbids. What allows asks has.
func (s *addrSet) reaches(a netip.Addr) bool {
	if s.has(a) {
		return true
	}
	v4 := carried(a)
	return v4.IsValid() && s.has(v4)
}
