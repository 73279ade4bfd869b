package resolve

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

var start = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

func TestNamesExpireAndMove(t *testing.T) {
	var tab table
	one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	tab.learn(one, []string{"api.test", "edge.test"}, 5*time.Minute, start)
	tab.learn(one, []string{"short.test"}, 0, start)
	tab.pin(map[netip.Addr][]string{two: {"db"}}, start)
	want := func(after time.Duration, addr netip.Addr, names, expired string) {
		t.Helper()
		if got := strings.Join(tab.names(addr, start.Add(after)), " "); got != names {
			t.Errorf("after %v %s is %q, want %q", after, addr, got, names)
		}
		if got := strings.Join(tab.expired(addr, start.Add(after)), " "); got != expired {
			t.Errorf("after %v expired of %s: %q, want %q", after, addr, got, expired)
		}
	}
	want(0, one, "api.test edge.test short.test", "")
	want(2*time.Minute, one, "api.test edge.test", "short.test")
	want(time.Hour, one, "", "api.test edge.test short.test")
	want(48*time.Hour, one, "", "")
	want(1000*time.Hour, two, "db", "")
	tab.learn(one, []string{"api.test"}, 2*time.Hour, start.Add(time.Hour))
	want(2*time.Hour, one, "api.test", "edge.test short.test")
	want(0, netip.MustParseAddr("::ffff:192.0.2.2"), "db", "")
	want(0, netip.MustParseAddr("192.0.2.3"), "", "")
	got := tab.names(two, start)
	if n := testing.AllocsPerRun(100, func() { tab.names(two, start) }); n != 0 || len(got) != 1 {
		t.Errorf("%v allocations", n)
	}
}

func TestTablesAreBounded(t *testing.T) {
	var tab table
	tab.pin(map[netip.Addr][]string{netip.MustParseAddr("10.0.0.1"): {"db"}}, start)
	for i := range 3 * maxAddresses {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(0x0b000000+i))
		tab.learn(netip.AddrFrom4(b), []string{"x.test"}, time.Minute, start.Add(time.Duration(i)*time.Millisecond))
	}
	if len(tab.m) > maxAddresses {
		t.Errorf("%d addresses", len(tab.m))
	}
	for i := range 100 {
		tab.learn(netip.MustParseAddr("192.0.2.1"), []string{fmt.Sprint(i)}, time.Minute, start)
	}
	if n := len(tab.names(netip.MustParseAddr("192.0.2.1"), start)); n != maxNames {
		t.Errorf("%d names", n)
	}
	var c cache
	for i := range 2 * maxCached {
		msg := ask(fmt.Sprintf("n%d.test.", i), dnsmessage.TypeA)
		q, _ := parseQuestion(msg)
		b := reply(msg, a("n.test.", "192.0.2.1", 9))
		c.put(q.key(netip.AddrPort{}, false), b, found{ttl: time.Second, addresses: []netip.Addr{{}}}, start)
	}
	if len(c.m) > maxCached {
		t.Errorf("%d answers", len(c.m))
	}
	var tun tunnels
	for i := range 5 * maxDomains {
		tun.see(fmt.Sprintf("a.d%d.test", i), 1, start)
	}
	if len(tun.m) > maxDomains {
		t.Errorf("%d domains", len(tun.m))
	}
}

func TestCacheCountsTTLsDown(t *testing.T) {
	var c cache
	msg := ask("www.example.com.", dnsmessage.TypeA)
	q, _ := parseQuestion(msg)
	k := q.key(netip.MustParseAddrPort("10.0.0.2:53"), false)
	c.put(k, reply(msg, a("www.example.com.", "192.0.2.1", 30)), found{ttl: 30 * time.Second, addresses: make([]netip.Addr, 1)}, start)
	out, _, ok := c.get(k, &q, start.Add(2*time.Second))
	if !ok {
		t.Fatal("not there")
	}
	var m dnsmessage.Message
	if err := m.Unpack(out); err != nil || m.Answers[0].Header.TTL != 28 {
		t.Errorf("%v %v", m, err)
	}
	if _, _, ok := c.get(k, &q, start.Add(maxFresh)); ok {
		t.Error("given too long")
	}
	other := q
	other.dnssec, other.edns = true, true
	if _, _, ok := c.get(other.key(netip.MustParseAddrPort("10.0.0.2:53"), false), &q, start); ok {
		t.Error("another question got the same answer")
	}
}

func TestTunnels(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	blob := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		s := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
		for i := 60; i < len(s); i += 61 {
			s = s[:i] + "." + s[i:]
		}
		return s
	}
	for _, tt := range []struct {
		name string
		of   func(i int) (string, uint16, time.Duration)
		n    int
		want bool
	}{
		{"long names of data", func(i int) (string, uint16, time.Duration) { return blob(80) + ".t.evil.test", 1, time.Second }, 5, true},
		{"slow short names of data", func(i int) (string, uint16, time.Duration) {
			return blob(30) + ".evil.co.uk", 1, 200 * time.Millisecond
		}, 150, true},
		{"NULL", func(i int) (string, uint16, time.Duration) { return fmt.Sprintf("p%d.evil.test", i), 10, time.Second }, 5, true},
		{"many TXT", func(i int) (string, uint16, time.Duration) { return fmt.Sprintf("c%d.evil.test", i), 16, time.Second }, 30, true},
		{"hex of digests, now and then", func(i int) (string, uint16, time.Duration) { return blob(40) + ".scan.test", 1, time.Minute }, 50, false},
		{"one name again and again", func(i int) (string, uint16, time.Duration) { return blob(1) + ".x.test", 1, time.Millisecond }, 1, false},
		{"services of a cluster", func(i int) (string, uint16, time.Duration) {
			return fmt.Sprintf("orders-%d.shop.svc.cluster.local", i%40), 28, 50 * time.Millisecond
		}, 2000, false},
		{"block lists", func(i int) (string, uint16, time.Duration) {
			return fmt.Sprintf("%d.%d.2.10.zen.list.test", i%250, i/250), 1, 50 * time.Millisecond
		}, 2000, false},
		{"reverse lookups", func(i int) (string, uint16, time.Duration) {
			return fmt.Sprintf("%d.%d.2.10.in-addr.arpa", i%250, i/250), 12, time.Millisecond
		}, 5000, false},
		{"services of a large cluster", func(i int) (string, uint16, time.Duration) {
			return fmt.Sprintf("backend-of-orders-%d.team-%d.svc.cluster.local", i%300, i%7), 1, 150 * time.Millisecond
		}, 2000, false},
		{"addresses of a cloud", func(i int) (string, uint16, time.Duration) {
			return fmt.Sprintf("ip-10-%d-%d-17.eu-central-1.compute.internal", i%200, 255-i%200), 1, 200 * time.Millisecond
		}, 1000, false},
		{"data with hyphens, in a flood", func(i int) (string, uint16, time.Duration) {
			s := blob(20)
			return s[:8] + "-" + s[8:16] + "-" + s[16:24] + "-" + s[24:] + ".evil.test", 1, 50 * time.Millisecond
		}, 1200, true},
		{"load balancers", func(i int) (string, uint16, time.Duration) {
			return fmt.Sprintf("internal-web-%08x.eu-west-1.elb.amazonaws.com", i%20), 1, 100 * time.Millisecond
		}, 600, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tun tunnels
			now, got := start, ""
			for i := range tt.n {
				name, typ, pause := tt.of(i)
				got = tun.see(name, typ, now)
				now = now.Add(pause)
			}
			if (got != "") != tt.want {
				t.Errorf("%q", got)
			}
			if name, typ, _ := tt.of(0); tt.want && tun.see(name, typ, now.Add(tunnelHold+tunnelWindow)) != "" {
				t.Error("never forgiven")
			}
		})
	}
}

func TestSplit(t *testing.T) {
	for name, want := range map[string][2]string{
		"a.b.example.com": {"example.com", "a.b"}, "example.com": {"example.com", ""}, "x.example.co.uk": {"example.co.uk", "x"}, "co.uk": {"co.uk", ""},
		"com": {"com", ""}, "": {"", ""}, "a.b.c.de": {"c.de", "a.b"},
	} {
		if base, prefix := split(name); base != want[0] || prefix != want[1] {
			t.Errorf("%q: %q %q", name, base, prefix)
		}
	}
	if !slices.Contains([]bool{encoded("the-quick-brown-fox-jumps-over-the-lazy-dog-and-runs")}, false) {
		t.Error("text looks encoded")
	}
}
