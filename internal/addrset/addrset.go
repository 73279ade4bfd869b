package addrset

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sort"
)

// Set is a set of addresses. The zero value is empty and sealed.
type Set struct {
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

// next gives the address behind a; behind the last one it is the first.
func (a addr6) next() addr6 {
	a.lo++
	if a.lo == 0 {
		a.hi++
	}
	return a
}

// plus gives a with the lowest n bits set.
func (a addr6) plus(n int) addr6 {
	if n < 64 {
		a.lo |= 1<<n - 1
		return a
	}
	a.lo = ^uint64(0)
	if n == 128 {
		a.hi = ^uint64(0)
	} else {
		a.hi |= 1<<(n-64) - 1
	}
	return a
}

// Add adds a network. IPv4-mapped networks must be given as IPv4.
func (s *Set) Add(p netip.Prefix) {
	if p.Addr().Is4() {
		lo := to4(p.Addr())
		s.v4 = append(s.v4, span4{lo, lo | uint32(uint64(1)<<(32-p.Bits())-1)})
		return
	}
	lo := to6(p.Addr())
	s.v6 = append(s.v6, span6{lo, lo.plus(128 - p.Bits())})
}

// AddRange adds the addresses from first to last. It says false, and adds
// nothing, if they are not of one family or not in that order.
func (s *Set) AddRange(first, last netip.Addr) bool {
	first, last = first.Unmap(), last.Unmap()
	if first.BitLen() != last.BitLen() || !first.IsValid() || last.Less(first) {
		return false
	}
	if first.Is4() {
		s.v4 = append(s.v4, span4{to4(first), to4(last)})
	} else {
		s.v6 = append(s.v6, span6{to6(first), to6(last)})
	}
	return true
}

// Seal sorts the ranges and joins those that touch. It must be called after
// the last addition.
func (s *Set) Seal() {
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
	s.v4 = slices.Clip(out4)
	// Not slices.SortFunc, of which each type would bring a copy into the enforcer.
	sort.Slice(s.v6, func(i, j int) bool { return s.v6[i].lo.compare(s.v6[j].lo) < 0 })
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
	s.v6 = slices.Clip(out6)
}

// Empty says that no address is in the set.
func (s *Set) Empty() bool { return len(s.v4) == 0 && len(s.v6) == 0 }

// Ranges counts the ranges of a sealed set.
func (s *Set) Ranges() int { return len(s.v4) + len(s.v6) }

// Has looks an address up. IPv4-mapped IPv6 counts as IPv4, zones are ignored.
func (s *Set) Has(a netip.Addr) bool {
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

// Overlaps says whether some address of a network is in a sealed set.
func (s *Set) Overlaps(p netip.Prefix) bool {
	var one Set
	one.Add(p)
	return slices.ContainsFunc(s.v4, func(r span4) bool { return len(one.v4) > 0 && r.lo <= one.v4[0].hi && one.v4[0].lo <= r.hi }) ||
		slices.ContainsFunc(s.v6, func(r span6) bool {
			return len(one.v6) > 0 && r.lo.compare(one.v6[0].hi) <= 0 && one.v6[0].lo.compare(r.hi) <= 0
		})
}

func to4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func to6(a netip.Addr) addr6 {
	b := a.As16()
	return addr6{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}
