package enforcer

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

func plainLine(e *eventpb.Event) ([]byte, error) {
	n := occurrences(e)
	if d := e.GetDropped(); d != nil {
		return []byte("dropped " + strconv.FormatUint(d.Count, 10) + "\n"), nil
	}
	return []byte("event " + strconv.FormatUint(n, 10) + "\n"), nil
}

// gate is a writer that is stuck until it is opened.
type gate struct {
	open chan struct{}
	mu   sync.Mutex
	b    bytes.Buffer
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.b.Write(p)
}

// sums adds up what a reader of the lines sees.
func sums(s string) (events, dropped uint64) {
	for line := range strings.Lines(s) {
		word, num, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, _ := strconv.ParseUint(num, 10, 64)
		if word == "dropped" {
			dropped += n
		} else {
			events += n
		}
	}
	return events, dropped
}

// A burst of 50,000 events into a reader that is stuck: sent + dropped =
// generated, exactly, and nobody waited.
func TestLinesCountsExactly(t *testing.T) {
	g := &gate{open: make(chan struct{})}
	l := NewLines(g, "boot", 1000, plainLine)
	var wg sync.WaitGroup
	const writers, each = 5, 10_000
	var generated uint64
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				l.Record(&eventpb.Event{Count: uint64(1 + (i+w)%3), Control: "c"})
			}
		})
		for i := range each {
			generated += uint64(1 + (i+w)%3)
		}
	}
	wg.Wait() // while the writer is stuck
	close(g.open)
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	events, dropped := sums(g.b.String())
	s := l.Stats()
	if events+dropped != generated || s.Generated != generated || s.Written != events || s.Dropped != dropped {
		t.Errorf("generated %d, events %d, dropped %d, stats %+v", generated, events, dropped, s)
	}
	if dropped == 0 {
		t.Error("nothing was dropped: the test proves nothing")
	}
}

func TestLinesCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		l := NewLines(g, "boot", 10, plainLine)
		l.Record(&eventpb.Event{})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		start := time.Now()
		if err := l.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("took %v", d)
		}
		close(g.open)
		<-l.done
	})
}

func TestCoalesce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kept{}
		c := &coalescer{window: time.Second, out: k.Record, open: map[key]*pending{}}
		hit := func(control string) {
			kk, now := key{control: control}, time.Now()
			if !c.again(kk, now) {
				c.add(kk, &eventpb.Event{Control: control, Count: 1, LastObservedAtNs: now.UnixNano()}, now)
			}
		}
		for range 1000 {
			hit("a")
			time.Sleep(100 * time.Microsecond)
		}
		if got := k.take(); len(got) != 1 || got[0].Count != 1 {
			t.Fatalf("the first must go out at once and alone: %v", got)
		}
		hit("b")
		time.Sleep(time.Second)
		c.sweep(time.Now(), false)
		got := k.take()
		if total(got) != 1000 || len(got) != 2 {
			t.Errorf("%d events for %d occurrences, want 2 for 1000", len(got), total(got))
		}
		// The window of a is open again, and closes empty.
		time.Sleep(time.Second)
		c.sweep(time.Now(), false)
		if len(c.open) != 0 || len(k.take()) != 0 {
			t.Error("a window without events must close")
		}
	})
}

// Many threads, few windows, and one reader: nothing is lost.
func TestCoalesceAddsUp(t *testing.T) {
	k := &kept{}
	c := &coalescer{window: time.Millisecond, out: k.Record, open: map[key]*pending{}}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 20_000 {
				kk, now := key{rule: strconv.Itoa(i % 1500)}, time.Now()
				if !c.again(kk, now) {
					c.add(kk, &eventpb.Event{Count: 1}, now)
				}
				if i%1000 == 0 {
					c.sweep(now, false)
				}
			}
		})
	}
	wg.Wait()
	c.sweep(time.Now(), true)
	if got := total(k.take()); got != 80_000 {
		t.Errorf("%d of 80000 occurrences came out", got)
	}
}
