package store_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/controlplane/store/storetest"
)

// BenchmarkEventLists asks for first pages by every kind of filter over many
// events on SQLite and reports the 95th percentile. LIMPET_BENCH_EVENTS sets
// how many; 50,000 if it is not set.
func BenchmarkEventLists(b *testing.B) {
	n := 50_000
	if v, err := strconv.Atoi(os.Getenv("LIMPET_BENCH_EVENTS")); err == nil {
		n = v
	}
	s, err := store.Open(b.Context(), storetest.SQLite(b))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	filled := time.Now()
	fill(b, s, n)
	b.Logf("%d events added in %v: %.0f a second", n, time.Since(filled), float64(n)/time.Since(filled).Seconds())
	last := epoch.Add(time.Duration(n) * 86400 * time.Second / 1_000_000)
	for name, f := range map[string]store.EventFilter{
		"all": {}, "verdict": {Verdict: "deny"}, "control": {Control: "control-3"}, "rare control": {Control: "control-rare"},
		"control and verdict": {Control: "control-3", Verdict: "audit"}, "nothing matches both": {Control: "control-rare", Verdict: "audit"},
		"image": {Image: "image-7"}, "enforcer": {Enforcer: "enforcer-42"}, "window": {From: epoch, To: epoch.Add(time.Minute)},
		"query": {Query: "tool-1"}, "query for nothing": {Query: "no such words"},
		"everything": {Group: "group-2", Control: "control-3", Verdict: "deny", Query: "tool"},
	} {
		b.Run(name, func(b *testing.B) {
			took := measure(b, func() error {
				page, err := s.Events(b.Context(), ta, f, store.Page{})
				if err == nil && page.Next != "" {
					_, err = s.Events(b.Context(), ta, f, store.Page{Cursor: page.Next})
				}
				return err
			})
			b.ReportMetric(float64(took.Microseconds())/1000, "p95-ms")
		})
	}
	b.Run("summary of a day", func(b *testing.B) {
		took := measure(b, func() error {
			from := last.Add(-24 * time.Hour)
			if _, err := s.EventTimeline(b.Context(), ta, "", from, last, 30*time.Minute); err != nil {
				return err
			}
			_, err := s.EventTop(b.Context(), ta, "", "control", from, last, 10)
			return err
		})
		b.ReportMetric(float64(took.Microseconds())/1000, "p95-ms")
	})
}

// measure runs f at least 20 times and gives the 95th percentile.
func measure(b *testing.B, f func() error) time.Duration {
	b.Helper()
	var took []time.Duration
	for i := 0; b.Loop() || i < 20; i++ {
		start := time.Now()
		if err := f(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took[len(took)*95/100]
}

// fill adds events of a day: 200 enforcers, 20 images, 12 controls.
func fill(b *testing.B, s *store.Store, n int) {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	payload := make([]byte, 600)
	var batch []store.Event
	for i := range n {
		at := epoch.Add(time.Duration(i) * 86400 * time.Second / 1_000_000)
		e := event(ta, fmt.Sprint("enforcer-", r.IntN(200)), i+1)
		e.ID = fmt.Sprintf("01a20109-%012d", i)
		e.At, e.ObservedAt, e.ReceivedAt = at.UnixNano(), at.UnixNano(), at.UnixNano()
		e.Control, e.Image, e.GroupName = fmt.Sprint("control-", r.IntN(12)), fmt.Sprint("image-", r.IntN(20)), fmt.Sprint("group-", r.IntN(5))
		if i%50_000 == 0 {
			e.Control, e.Verdict = "control-rare", "deny"
		}
		e.Payload = payload
		if batch = append(batch, e); len(batch) == 1000 || i == n-1 {
			if _, err := s.AddEventsAnyTenant(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			batch = batch[:0]
		}
	}
}
