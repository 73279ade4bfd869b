package profile

import (
	"net/netip"
	"slices"
)

// Crowd is how many addresses of one network must have been seen until the
// network stands for them.
const Crowd = 4

// Networks joins addresses into networks: from Crowd addresses of one /24
// (IPv6: /64) on the network stands for them, and networks side by side become
// one. The result is sorted and covers every address.
func Networks(addrs []netip.Addr) []netip.Prefix {
	seen := map[netip.Prefix]map[netip.Addr]bool{}
	for _, a := range addrs {
		a = a.Unmap().WithZone("")
		if !a.IsValid() {
			continue
		}
		p, _ := a.Prefix(netBits(a))
		if seen[p] == nil {
			seen[p] = map[netip.Addr]bool{}
		}
		seen[p][a] = true
	}
	var out []netip.Prefix
	for p, members := range seen {
		if len(members) >= Crowd {
			out = append(out, p)
			continue
		}
		for a := range members {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	return join(out)
}

func netBits(a netip.Addr) int {
	if a.Is4() {
		return 24
	}
	return 64
}

// join merges pairs of networks that are the two halves of one.
func join(list []netip.Prefix) []netip.Prefix {
	for {
		slices.SortFunc(list, func(a, b netip.Prefix) int {
			if c := a.Addr().Compare(b.Addr()); c != 0 {
				return c
			}
			return a.Bits() - b.Bits()
		})
		out := list[:0:0]
		merged := false
		for i := 0; i < len(list); i++ {
			p := list[i]
			if n := len(out); n > 0 && out[n-1].Contains(p.Addr()) {
				continue
			}
			if i+1 < len(list) && p.Bits() > 1 && list[i+1].Bits() == p.Bits() && p.Addr().Is4() == list[i+1].Addr().Is4() {
				if up, err := p.Addr().Prefix(p.Bits() - 1); err == nil && up.Addr() == p.Addr() && up.Contains(list[i+1].Addr()) && list[i+1].Addr() != p.Addr() {
					out = append(out, up)
					merged = true
					i++
					continue
				}
			}
			out = append(out, p)
		}
		list = out
		if !merged {
			return list
		}
	}
}
