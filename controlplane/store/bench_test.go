package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/controlplane/store/storetest"
)

// BenchmarkAddEvents commits batches of 1,000 events of 200 enforcers, half of
// which have a finding, as ingest does, on SQLite with synchronous=FULL.
func BenchmarkAddEvents(b *testing.B) {
	s, err := store.Open(b.Context(), storetest.SQLite(b))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	n, start := 0, time.Now()
	for b.Loop() {
		var batch []store.Event
		for range 1000 {
			n++
			e := event(ta, fmt.Sprint("enforcer-", n%200), n)
			e.At, e.Payload = start.Add(time.Duration(n)*time.Millisecond).UnixNano(), make([]byte, 600)
			e.Control, e.Image, e.GroupName = fmt.Sprint("control-", n%12), fmt.Sprint("image-", n%20), fmt.Sprint("group-", n%5)
			if n%2 == 0 {
				e.Item, e.Cause = int64(n%500+1), &store.Finding{Control: e.Control, Image: e.Image, Executable: "/tmp/x"}
			}
			batch = append(batch, e)
		}
		if _, err := s.AddEventsAnyTenant(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/time.Since(start).Seconds(), "events/s")
}
