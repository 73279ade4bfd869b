package reputation

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/policy"
)

func TestParse(t *testing.T) {
	text := "\ufeff# of 2026\r\n192.0.2.7 ; SBL1\n\n198.51.100.0/24\t# net\n203.0.113.5-203.0.113.9\n2001:db8:bad::/48\nEvil.Test.\n*.miner.example\n0.0.0.0 ads.example\n127.0.0.0/8\n"
	table := "id,\"the address\",why\n# a comment\n1,192.0.2.7,scan\n2, 198.51.100.0/24,\"a, b\"\n3,,\n4,203.0.113.5-203.0.113.9,\n5,2001:db8:bad::/48,\n6,evil.test,\n7,miner.example,\n8,ads.example,\n9,127.0.0.0/8,\n"
	for name, s := range map[string]Source{"text": {Content: text}, "normal": {Content: Normal(text)}, "csv by name": {Format: CSV, Column: "The Address", Content: table},
		"csv by number": {Format: CSV, Column: "2", Content: table[strings.IndexByte(table, '\n')+1:]}} {
		l, r, err := Parse("x", s)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r.Entries != 8 || r.Ranges != 5 || r.Names != 3 || len(r.Warnings) != 1 {
			t.Errorf("%s: %+v", name, r)
		}
		back, err := Open("x", l.Packed())
		if err != nil || !back.Equal(l) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for addr, want := range map[string]bool{"192.0.2.7": true, "192.0.2.8": false, "198.51.100.255": true, "203.0.113.4": false, "203.0.113.9": true,
			"2001:db8:bad::1": true, "2001:db8:bac::1": false, "127.0.0.1": false, "127.9.9.9": false, "::ffff:192.0.2.7": true} {
			if back.HasAddr(netip.MustParseAddr(addr)) != want {
				t.Errorf("%s: %s: %v", name, addr, !want)
			}
		}
		for host, want := range map[string]bool{"evil.test": true, "a.b.evil.test": true, "notevil.test": false, "test": false, "": false, "miner.example": true, "example": false, "zzz.zz": false, "aa": false} {
			if back.HasName(host) != want {
				t.Errorf("%s: %s: %v", name, host, !want)
			}
		}
	}
}

func TestParseNamesTheLine(t *testing.T) {
	for _, tt := range []struct {
		s            Source
		line, column int
		message      string
	}{
		{Source{Content: "192.0.2.1\n# x\n  999.1.1.1\n"}, 3, 3, "neither an address nor a host name"},
		{Source{Content: "192.0.2.1/24\n"}, 1, 1, "bits are set"},
		{Source{Content: "a.test\n0.0.0.0/0\n"}, 2, 1, "an eighth"},
		{Source{Content: "0.0.0.0-255.255.255.255\n"}, 1, 1, "an eighth"},
		{Source{Content: "192.0.2.9-192.0.2.1\n"}, 1, 1, "reversed"},
		{Source{Content: "192.0.2.9-x\n"}, 1, 1, "range"},
		{Source{Content: "http://evil.test/x\n"}, 1, 1, "not an IP address"},
		{Source{Content: "com\n"}, 1, 1, "top-level"},
		{Source{Content: "evil.test bad.test\n"}, 1, 1, "one entry"},
		{Source{Content: "a_b$.test\n"}, 1, 1, "must not hold"},
		{Source{Content: "# nothing\n"}, 0, 0, "no address"},
		{Source{Content: "\xff\n"}, 0, 0, "UTF-8"},
		{Source{Content: "1.1.1.1\n", Format: "xml"}, 0, 0, "not known"},
		{Source{Content: "1.1.1.1\n", Column: "2"}, 0, 0, "only csv"},
		{Source{Content: "a,b\n1.1.1.1,x\n", Format: CSV, Column: "ip"}, 1, 1, "no column"},
		{Source{Content: "1.1.1.1,x\n1.1.1.2\n", Format: CSV, Column: "2"}, 1, 9, "top-level"},
		{Source{Content: "x.test,1.1.1.1\n1.1.1.2\n", Format: CSV, Column: "2"}, 2, 1, "only 1 columns"},
		{Source{Content: "1.1.1.1\n\"1.1.1.2\n", Format: CSV}, 2, 10, "quote"},
		{Source{Content: "1.1.1.1\n", Format: CSV, Column: "0"}, 0, 0, "from 1"},
		{Source{Content: strings.Repeat("x", MaxContent+1)}, 0, 0, "larger"},
		{Source{Content: strings.Repeat("1.1.1.1\n", MaxEntries+1)}, MaxEntries + 1, 1, "more than"},
	} {
		_, _, err := Parse("x", tt.s)
		var list policy.Errors
		if !errors.As(err, &list) || list[0].Line != tt.line || tt.column > 0 && list[0].Column != tt.column || !strings.Contains(list[0].Message, tt.message) {
			t.Errorf("%.40q: %v, want line %d, column %d, %q", tt.s.Content, err, tt.line, tt.column, tt.message)
		}
	}
	_, _, err := Parse("x", Source{Content: strings.Repeat("?\n", 500)})
	if list := (policy.Errors{}); !errors.As(err, &list) || len(list) != policy.MaxErrors {
		t.Errorf("%d errors", len(list))
	}
}

// TestSize holds what a list of 100,000 addresses costs on the line.
func TestSize(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	var b strings.Builder
	for range 100_000 {
		fmt.Fprintf(&b, "%d.%d.%d.%d\n", 1+r.IntN(99), r.IntN(256), r.IntN(256), r.IntN(256))
	}
	l, _, err := Parse("x", Source{Content: b.String()})
	if err != nil || len(l.Packed()) > 350_000 {
		t.Fatal(len(l.Packed()), err)
	}
	t.Logf("100,000 addresses: %d bytes of text, %d packed", b.Len(), len(l.Packed()))
	b.Reset()
	for range 100_000 {
		fmt.Fprintf(&b, "host%d.site%d.example\n", r.IntN(10_000), r.IntN(10_000))
	}
	names, _, err := Parse("x", Source{Content: b.String()})
	if err != nil || len(names.Packed()) > 700_000 {
		t.Fatal(len(names.Packed()), err)
	}
	t.Logf("100,000 names: %d bytes of text, %d packed", b.Len(), len(names.Packed()))
	if n := testing.AllocsPerRun(100, func() {
		l.HasAddr(netip.AddrFrom4([4]byte{9, 9, 9, 9}))
		names.HasName("a.b.c.host1.site1.example")
	}); n != 0 {
		t.Errorf("a look-up allocates %v times", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("192.0.2.1\nevil.test # x\n1.2.3.4-1.2.3.9\n::/16\n0.0.0.0 a.b", false, "")
	f.Add("ip,x\n\"192.0.2.1\",2\n", true, "ip")
	f.Add("\"", true, "3")
	f.Fuzz(func(t *testing.T, content string, table bool, column string) {
		s := Source{Content: content, Column: column}
		if table {
			s.Format = CSV
		}
		l, r, err := Parse("x", s)
		if err != nil {
			var list policy.Errors
			if errors.As(err, &list) && (len(list) == 0 || len(list) > policy.MaxErrors) {
				t.Fatal(len(list))
			}
			return
		}
		back, err := Open("x", l.Packed())
		if err != nil || r.Entries == 0 {
			t.Fatal(r, err)
		}
		for i := range back.ends {
			if !l.HasName("sub." + back.at(i)) {
				t.Fatalf("%q is not found", back.at(i))
			}
		}
		if n := Normal(content); Normal(n) != n {
			t.Fatalf("%q is not normal", n)
		}
	})
}

func FuzzOpen(f *testing.F) {
	for _, c := range []string{"192.0.2.1\n", "a.test\nb.test\nab.test\n", "10.0.0.0/8\n2001:db8::/32\nx.y\n"} {
		l, _, err := Parse("x", Source{Content: c})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(l.Packed())
	}
	f.Add([]byte{version})
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := Open("x", b)
		if err != nil {
			return
		}
		var names []string
		for i := range l.ends {
			names = append(names, l.at(i))
		}
		again, err := build("x", l.addrs, names)
		if err != nil || len(again.ends) != len(l.ends) || again.names != l.names || !bytes.Equal(again.addrs.Append(nil), l.addrs.Append(nil)) {
			t.Fatal(err)
		}
	})
}

func BenchmarkHasName(b *testing.B) {
	var s strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&s, "host%d.example\n", i)
	}
	l, _, err := Parse("x", Source{Content: s.String()})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		l.HasName("www.shop.host99.example.com")
	}
}

func BenchmarkOpen(b *testing.B) {
	r := rand.New(rand.NewPCG(7, 8))
	var s strings.Builder
	for range 100_000 {
		fmt.Fprintf(&s, "%d.%d.%d.%d\n", 1+r.IntN(99), r.IntN(256), r.IntN(256), r.IntN(256))
	}
	l, _, err := Parse("x", Source{Content: s.String()})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Open("x", l.Packed()); err != nil {
			b.Fatal(err)
		}
	}
}
