package gateway

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/wire"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestLimiter(t *testing.T) {
	l := newLimiter(10, 5)
	at := noon
	for i := range 5 {
		if err := l.take(at, "a", 1); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	err := l.take(at, "a", 1)
	if !errors.Is(err, wire.ErrBusy) || wire.RetryAfter(err) != 100*time.Millisecond {
		t.Errorf("sixth: %v, %v", err, wire.RetryAfter(err))
	}
	if err := l.take(at, "b", 1); err != nil {
		t.Errorf("another key: %v", err)
	}
	at = at.Add(300 * time.Millisecond)
	for i := range 4 {
		if err := l.take(at, "a", 1); (err == nil) != (i < 3) {
			t.Errorf("0.3 s later, %d: %v", i, err)
		}
	}
	if err := l.take(noon, "a", 1); err == nil { // a clock that goes back gives nothing
		t.Error("tokens from the past")
	}
	if err := l.take(at.Add(time.Hour), "a", 100); err != nil { // more than the burst, from a full bucket
		t.Error(err)
	}
	if err := l.take(at.Add(time.Hour+5*time.Second), "a", 1); err == nil {
		t.Error("it was not paid for")
	}
}

func TestLimiterIsBounded(t *testing.T) {
	l := newLimiter(0.0001, 1)
	for i := range maxKeys + 1000 {
		_ = l.take(noon, fmt.Sprint(i), 1)
	}
	if n := len(l.buckets); n > maxKeys+1 {
		t.Errorf("%d keys", n)
	}
	if err := l.take(noon, "new", 1); !errors.Is(err, wire.ErrBusy) {
		t.Errorf("a new key when all are taken: %v", err)
	}
	if err := l.take(noon.Add(24*time.Hour), "new", 1); err != nil || len(l.buckets) > 2 {
		t.Errorf("a day later: %v, %d keys", err, len(l.buckets))
	}
}

func TestSlots(t *testing.T) {
	s := newSlots("polls", 3, 2)
	a1, _ := s.enter("a")
	a2, _ := s.enter("a")
	if _, err := s.enter("a"); !errors.Is(err, wire.ErrBusy) {
		t.Errorf("third of one: %v", err)
	}
	b, err := s.enter("b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.enter("c"); !errors.Is(err, wire.ErrBusy) {
		t.Errorf("fourth in all: %v", err)
	}
	a1()
	if c, err := s.enter("c"); err != nil {
		t.Error(err)
	} else {
		c()
	}
	a2()
	b()
	if s.count() != 0 || len(s.by) != 0 {
		t.Errorf("left: %d, %v", s.count(), s.by)
	}
}

func TestRemote(t *testing.T) {
	g := &Gateway{cfg: Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}}
	for _, tt := range []struct{ conn, forwarded, want string }{
		{"192.0.2.1:5", "", "192.0.2.1"},
		{"192.0.2.1:5", "203.0.113.9", "192.0.2.1"}, // not a proxy of ours: its word is nothing
		{"10.0.0.1:5", "203.0.113.9", "203.0.113.9"},
		{"10.0.0.1:5", "6.6.6.6, 203.0.113.9", "203.0.113.9"}, // the client made the first up
		{"10.0.0.1:5", "203.0.113.9, 10.0.0.2", "203.0.113.9"},
		{"10.0.0.1:5", "garbage", "10.0.0.1"},
		{"10.0.0.1:5", "", "10.0.0.1"},
		{"[::ffff:10.0.0.1]:5", "2001:db8::1", "2001:db8::1"},
		{"[fd00::1]:5", "10.1.1.1, 10.1.1.2", "10.1.1.1"},
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.RemoteAddr = tt.conn
		if tt.forwarded != "" {
			r.Header.Set("X-Forwarded-For", tt.forwarded)
		}
		if got := g.remote(r); got.String() != tt.want {
			t.Errorf("%s for %q: %s, want %s", tt.conn, tt.forwarded, got, tt.want)
		}
	}
	if a, b := addrKey(netip.MustParseAddr("2001:db8::1")), addrKey(netip.MustParseAddr("2001:db8::ffff:2")); a != b {
		t.Errorf("one customer has two keys: %s, %s", a, b)
	}
}
