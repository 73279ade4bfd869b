package addrset

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

func random(r *rand.Rand, n int) (list []netip.Prefix) {
	for range n {
		var a netip.Addr
		if r.IntN(3) > 0 {
			a = netip.AddrFrom4([4]byte{byte(r.IntN(4)) * 64, byte(r.IntN(3)), byte(r.IntN(256)), byte(r.IntN(256))})
		} else {
			a = netip.AddrFrom16([16]byte{0: 0x20, 1: byte(r.IntN(3)), 7: byte(r.IntN(4)), 8: byte(r.IntN(2)) * 128, 15: byte(r.IntN(256))})
		}
		bits := a.BitLen()
		if r.IntN(2) == 0 {
			bits = 6 + r.IntN(a.BitLen()-5)
		}
		p, _ := a.Prefix(bits)
		list = append(list, p)
	}
	return list
}

// TestAgainstNaive holds lookup and encoding against a walk over the networks.
func TestAgainstNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	yes, no := 0, 0
	for round := range 500 {
		list := random(r, r.IntN(12))
		var s Set
		for _, p := range list {
			s.Add(p)
		}
		s.Seal()
		enc := s.Append([]byte("x"))
		back, rest, err := Read(append(enc, 7)[1:])
		if err != nil || !bytes.Equal(rest, []byte{7}) || !slices.Equal(back.v4, s.v4) || !slices.Equal(back.v6, s.v6) {
			t.Fatalf("round %d: %v %v\n%+v\n%+v", round, err, rest, s, back)
		}
		ask := random(r, 40)
		for _, p := range list {
			ask = append(ask, p, netip.PrefixFrom(p.Addr().Prev(), p.Addr().BitLen()), netip.PrefixFrom(p.Addr().Next(), p.Addr().BitLen()))
		}
		for _, q := range ask {
			a := q.Addr()
			if !a.IsValid() {
				continue
			}
			want := slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
			if got := back.Has(a); got != want {
				t.Fatalf("round %d: %v in %v: %v, want %v", round, a, list, got, want)
			}
			if want {
				yes++
			} else {
				no++
			}
			if q.IsValid() {
				over := slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Overlaps(q) })
				if got := s.Overlaps(q); got != over {
					t.Fatalf("%v overlaps %v: %v, want %v", q, list, got, over)
				}
			}
		}
	}
	if yes < 500 || no < 500 {
		t.Errorf("a poor mixture: %d in, %d out", yes, no)
	}
}

func TestRanges(t *testing.T) {
	a := netip.MustParseAddr
	var s Set
	for _, bad := range [][2]string{{"10.0.0.2", "10.0.0.1"}, {"10.0.0.1", "::1"}} {
		if s.AddRange(a(bad[0]), a(bad[1])) {
			t.Errorf("%v was taken", bad)
		}
	}
	s.AddRange(a("10.0.0.5"), a("10.0.0.9"))
	s.AddRange(a("10.0.0.10"), a("10.0.0.20"))
	s.AddRange(a("2001:db8::5"), a("2001:db8:0:1::9"))
	s.AddRange(a("::ffff:192.0.2.1"), a("192.0.2.1"))
	s.Seal()
	back, _, err := Read(s.Append(nil))
	if err != nil || back.Ranges() != 3 {
		t.Fatal(back, err)
	}
	for addr, want := range map[string]bool{"10.0.0.4": false, "10.0.0.5": true, "10.0.0.20": true, "10.0.0.21": false, "2001:db8::4": false,
		"2001:db8::ffff": true, "2001:db8:0:1::9": true, "2001:db8:0:1::a": false, "192.0.2.1": true, "::ffff:192.0.2.1": true, "192.0.2.2": false} {
		if back.Has(a(addr)) != want {
			t.Errorf("%s: %v", addr, !want)
		}
	}
	if back.Has(netip.Addr{}) {
		t.Error("no address is in the set")
	}
}

// FuzzRead: whatever is read is a sealed set that is written and read again.
func FuzzRead(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 8 {
		var s Set
		for _, p := range random(r, 6) {
			s.Add(p)
		}
		s.Seal()
		f.Add(s.Append(nil))
	}
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, _, err := Read(b)
		if err != nil {
			return
		}
		before := s.Append(nil)
		s.Seal()
		back, rest, err := Read(before)
		if err != nil || len(rest) != 0 || !bytes.Equal(back.Append(nil), s.Append(nil)) {
			t.Fatalf("%v %v", err, rest)
		}
	})
}

func BenchmarkHas(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 6))
	var s Set
	for range 100_000 {
		s.Add(netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())}), 32))
	}
	s.Seal()
	b.ReportMetric(float64(len(s.Append(nil)))/float64(s.Ranges()), "B/address")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Has(netip.AddrFrom4([4]byte{byte(i), byte(i >> 3), byte(i >> 5), byte(i * 7)}))
	}
}
