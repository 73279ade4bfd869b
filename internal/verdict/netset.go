package verdict

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/limpet-security/limpet/internal/policy"
)

// addrSet is a set of IPv4 and IPv6 addresses: sorted ranges that do not
// touch, searched in halves.
type addrSet struct {
	v4 []span4
	v6 []span6
}

type span4 struct{ lo, hi uint32 }

type addr6 struct{ hi, lo uint64 }

type span6 struct{ lo, hi addr6 }

func (a addr6) compare(b addr6) int {
	switch {
	case a.hi < b.hi || a.hi == b.hi && a.lo < b.lo:
		return -1
	case a == b:
		return 0
	}
	return 1
}

func (a addr6) next() addr6 {
	a.lo++
	if a.lo == 0 {
		a.hi++
	}
	return a
}

func newAddrSet(cidrs []policy.CIDR) (addrSet, error) {
	var s addrSet
	for _, c := range cidrs {
		p, err := c.Prefix()
		if err != nil {
			return addrSet{}, fmt.Errorf("cannot use network %.80q: %w", c, err)
		}
		s.add(p)
	}
	s.seal()
	return s, nil
}

func (s *addrSet) add(p netip.Prefix) {
	if p.Addr().Is4() {
		lo := to4(p.Addr())
		s.v4 = append(s.v4, span4{lo, lo | uint32(uint64(1)<<(32-p.Bits())-1)})
		return
	}
	lo := to6(p.Addr())
	hi := lo
	if free := 128 - p.Bits(); free >= 64 {
		hi.lo = ^uint64(0)
		if free == 128 {
			hi.hi = ^uint64(0)
		} else {
			hi.hi |= 1<<(free-64) - 1
		}
	} else {
		hi.lo |= 1<<free - 1
	}
	s.v6 = append(s.v6, span6{lo, hi})
}

// seal sorts the ranges and joins those that touch.
func (s *addrSet) seal() {
	slices.SortFunc(s.v4, func(a, b span4) int {
		if a.lo < b.lo {
			return -1
		}
		return 1
	})
	out4 := s.v4[:0]
	for _, r := range s.v4 {
		if n := len(out4); n > 0 && (r.lo <= out4[n-1].hi || r.lo == out4[n-1].hi+1) {
			out4[n-1].hi = max(out4[n-1].hi, r.hi)
		} else {
			out4 = append(out4, r)
		}
	}
	s.v4 = out4
	slices.SortFunc(s.v6, func(a, b span6) int { return a.lo.compare(b.lo) })
	out6 := s.v6[:0]
	for _, r := range s.v6 {
		if n := len(out6); n > 0 && (r.lo.compare(out6[n-1].hi) <= 0 || r.lo == out6[n-1].hi.next()) {
			if out6[n-1].hi.compare(r.hi) < 0 {
				out6[n-1].hi = r.hi
			}
		} else {
			out6 = append(out6, r)
		}
	}
	s.v6 = out6
}

func (s *addrSet) empty() bool { return len(s.v4) == 0 && len(s.v6) == 0 }

// has looks an address up. IPv4-mapped IPv6 counts as IPv4, zones are ignored.
func (s *addrSet) has(a netip.Addr) bool {
	if a.Is4() || a.Is4In6() {
		x := to4(a.Unmap())
		lo, hi := 0, len(s.v4)
		for lo < hi {
			mid := int(uint(lo+hi) >> 1)
			switch r := &s.v4[mid]; {
			case x < r.lo:
				hi = mid
			case x > r.hi:
				lo = mid + 1
			default:
				return true
			}
		}
		return false
	}
	if !a.IsValid() {
		return false
	}
	x := to6(a)
	lo, hi := 0, len(s.v6)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch r := &s.v6[mid]; {
		case x.compare(r.lo) < 0:
			hi = mid
		case x.compare(r.hi) > 0:
			lo = mid + 1
		default:
			return true
		}
	}
	return false
}

func to4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func to6(a netip.Addr) addr6 {
	b := a.As16()
	return addr6{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// portSet is a set of ports: sorted ranges that do not touch.
type portSet []policy.Ports

func newPortSet(ports []policy.Ports) portSet {
	s := slices.Clone(ports)
	slices.SortFunc(s, func(a, b policy.Ports) int { return int(a.First) - int(b.First) })
	out := s[:0]
	for _, r := range s {
		if n := len(out); n > 0 && int(r.First) <= int(out[n-1].Last)+1 {
			out[n-1].Last = max(out[n-1].Last, r.Last)
		} else {
			out = append(out, r)
		}
	}
	return portSet(out)
}

func (s portSet) has(port uint16) bool {
	lo, hi := 0, len(s)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch {
		case port < s[mid].First:
			hi = mid
		case port > s[mid].Last:
			lo = mid + 1
		default:
			return true
		}
	}
	return false
}

// userSet is a set of user or group numbers. A set that was given only names
// which the image does not have is set, but has nobody.
type userSet struct {
	set    bool
	ranges []span4
}

func (s *userSet) has(id uint32) bool {
	for _, r := range s.ranges {
		if r.lo <= id && id <= r.hi {
			return true
		}
	}
	return false
}
