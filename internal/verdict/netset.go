package verdict

import (
	"fmt"
	"net/netip"
	"slices"
	"sort"

	"github.com/limpet-security/limpet/internal/addrset"
	"github.com/limpet-security/limpet/internal/policy"
)

// addrSet is a set of IPv4 and IPv6 addresses.
type addrSet struct{ set addrset.Set }

func newAddrSet(cidrs []policy.CIDR) (addrSet, error) {
	var s addrSet
	for _, c := range cidrs {
		p, err := c.Prefix()
		if err != nil {
			return addrSet{}, fmt.Errorf("cannot use network %.80q: %w", c, err)
		}
		s.set.Add(p)
	}
	s.set.Seal()
	return s, nil
}

func (s *addrSet) empty() bool { return s.set.Empty() }

func (s *addrSet) has(a netip.Addr) bool { return s.set.Has(a) }

// span4 is a range of numbers, both ends included.
type span4 struct{ lo, hi uint32 }

// portSet is a set of ports: sorted ranges that do not touch.
type portSet []policy.Ports

func newPortSet(ports []policy.Ports) portSet {
	s := slices.Clone(ports)
	sort.Slice(s, func(i, j int) bool { return s[i].First < s[j].First }) // smaller than slices.SortFunc
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
