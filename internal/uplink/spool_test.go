package uplink

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/wire"
)

func items(from, n int) (out []item) {
	for i := range n {
		out = append(out, item{seq: uint64(from + i), own: i%7 == 3, data: fmt.Appendf(nil, "event %d %s", from+i, bytes.Repeat([]byte("x"), i%900))})
	}
	return out
}

func spoolAt(t *testing.T, dir string, limit int64) *spool {
	t.Helper()
	s, err := openSpool(dir, limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

func add(t *testing.T, s *spool, boot string, its []item) {
	t.Helper()
	for len(its) > 0 {
		n := min(len(its), 100)
		if err := s.append(boot, its[:n]); err != nil {
			t.Fatal(err)
		}
		its = its[n:]
	}
}

// drain takes everything out in batches of at most n.
func drain(t *testing.T, s *spool, n int) (boots []string, out []item) {
	t.Helper()
	for {
		boot, its, ends := s.peek(n, wire.MaxBatchBytes)
		if len(its) == 0 {
			return boots, out
		}
		for _, it := range its {
			boots = append(boots, boot)
			out = append(out, item{it.seq, it.own, bytes.Clone(it.data)})
		}
		s.advance(its, ends[len(ends)-1])
	}
}

// differ says where two lists part, "" if they do not.
func differ(want, got []item) string {
	for i := range min(len(want), len(got)) {
		if w, g := want[i], got[i]; w.seq != g.seq || w.own != g.own || !bytes.Equal(w.data, g.data) {
			return fmt.Sprintf("at %d: want %v, got %v", i, w, g)
		}
	}
	if len(want) != len(got) {
		return fmt.Sprintf("want %d, got %d", len(want), len(got))
	}
	return ""
}

func TestSpool(t *testing.T) {
	dir := t.TempDir()
	s := spoolAt(t, dir, 64<<20)
	want := items(1, 5000) // several segments
	add(t, s, "boot-1", want)
	if n, _ := filepath.Glob(filepath.Join(dir, "*.seg")); len(n) < 2 {
		t.Fatalf("%d segments", len(n))
	}
	// A part is acknowledged, then the enforcer is started anew.
	_, first, ends := s.peek(333, wire.MaxBatchBytes)
	s.advance(first, ends[len(ends)-1])
	s.close()
	s = spoolAt(t, dir, 64<<20)
	if all, recorded := s.pending(); all != 5000-333 || recorded >= all {
		t.Errorf("pending %d, %d", all, recorded)
	}
	add(t, s, "boot-2", items(1, 10))
	boots, got := drain(t, s, 400)
	if d := differ(append(want[333:], items(1, 10)...), got); d != "" {
		t.Error(d)
	}
	if boots[0] != "boot-1" || boots[len(boots)-1] != "boot-2" {
		t.Errorf("boots %s ... %s", boots[0], boots[len(boots)-1])
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.seg")); len(left) > 0 || s.total != 0 {
		t.Errorf("left: %v, %d bytes", left, s.total)
	}
	add(t, s, "boot-2", items(11, 3)) // and on
	if _, got := drain(t, s, 10); len(got) != 3 {
		t.Errorf("after it was empty: %d", len(got))
	}
}

func TestSpoolIsBounded(t *testing.T) {
	s := spoolAt(t, t.TempDir(), 100_000)
	n := 0
	for s.room(items(n, 10)) {
		add(t, s, "b", items(n, 10))
		n += 10
	}
	if s.total > 100_000 || n == 0 {
		t.Errorf("%d bytes, %d events", s.total, n)
	}
	if _, got := drain(t, s, 1000); len(got) != n {
		t.Errorf("%d of %d came out", len(got), n)
	}
	if !s.room(items(n, 10)) {
		t.Error("no room when it is empty")
	}
}

// TestSpoolDamage: whatever a crash or a bad disk left, opening does not fail,
// what is given is what was written, in order and from the start of a segment.
func TestSpoolDamage(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for i := range 60 {
		dir := t.TempDir()
		s := spoolAt(t, dir, 64<<20)
		want := items(1, 300)
		add(t, s, "b", want)
		s.close()
		path := filepath.Join(dir, fmt.Sprintf("%016x.seg", 1))
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		switch at := rnd.IntN(len(b)); i % 3 {
		case 0:
			b = b[:at] // cut short
		case 1:
			b[at] ^= 1 << rnd.IntN(8)
		case 2:
			b = append(b[:at], make([]byte, 1000)...) // a hole
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "acked"), b[:min(20, len(b))], 0o600); err != nil {
			t.Fatal(err)
		}
		s = spoolAt(t, dir, 64<<20)
		_, got := drain(t, s, 100)
		if len(got) > len(want) {
			t.Fatalf("case %d: %d events of %d", i, len(got), len(want))
		}
		if d := differ(want[:len(got)], got); d != "" {
			t.Fatalf("case %d: %s", i, d)
		}
		add(t, s, "c", items(1, 5))
		if _, got := drain(t, s, 100); len(got) != 5 {
			t.Errorf("case %d: after the damage %d of 5", i, len(got))
		}
	}
}

// TestSpoolDamagedWhileRunning: events that were counted as waiting and cannot
// be read any more are counted and reported as dropped.
func TestSpoolDamagedWhileRunning(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		away := true
		f.fail = func(call string) error {
			if away && call == "push" {
				return wire.ErrUnavailable
			}
			return nil
		}
		u := f.uplink(func(c *Config) { c.Dir = dir; c.Queue.Linger = time.Hour })
		defer start(u)()
		for i := range 500 {
			u.Record(event(i))
		}
		synctest.Wait()
		seg, _ := filepath.Glob(filepath.Join(dir, "spool", "*.seg"))
		if len(seg) != 1 {
			t.Fatalf("segments: %v", seg)
		}
		if err := os.Truncate(seg[0], 100); err != nil {
			t.Fatal(err)
		}
		f.set(func() { away = false })
		if err := u.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, dropped := uint64(0), uint64(0)
		f.set(func() {
			for _, e := range f.events {
				if e.Kind == eventpb.Kind_KIND_DROPPED {
					dropped += e.GetDropped().Count
				} else {
					got++
				}
			}
		})
		if s := u.Stats(); got+dropped != 500 || s.Dropped != dropped || s.Acked != got || s.Queued != 0 || s.Spooled != 0 || dropped == 0 {
			t.Errorf("%d arrived, %d reported, %+v", got, dropped, s)
		}
	})
}

// TestSpoolUnwritable: without a disk, memory carries on.
func TestSpoolUnwritable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		u := f.uplink(func(c *Config) { c.Dir = dir })
		if err := os.RemoveAll(filepath.Join(dir, "spool")); err != nil {
			t.Fatal(err)
		}
		defer start(u)()
		for i := range 500 {
			u.Record(event(i))
		}
		if err := u.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, dropped := f.figures(t); got != 500 || dropped != 0 {
			t.Errorf("%d arrived, %d dropped", got, dropped)
		}
	})
}

func FuzzRecord(f *testing.F) {
	f.Add(appendRecord(nil, item{seq: 7, own: true, data: []byte("data")}))
	f.Add(appendRecord(appendRecord(nil, item{seq: 1}), item{seq: 2, data: []byte{0}}))
	f.Add(bytes.Repeat([]byte{0xff}, 40))
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			it, n, err := parseRecord(b)
			if err != nil {
				return
			}
			if again := appendRecord(nil, it); !bytes.Equal(again[:8], b[:8]) || !bytes.Equal(again[9:], b[9:n]) {
				t.Fatalf("%v encodes as %x, was %x", it, again, b[:n])
			}
			b = b[n:]
		}
	})
}
