package uplink

import "testing"

// BenchmarkRecord is what a stopped thread may have to wait for: an event put
// into a queue with room, and one dropped because there is none.
func BenchmarkRecord(b *testing.B) {
	b.Run("room", func(b *testing.B) {
		q := newQueue("boot", Limits{Events: 1 << 30, Bytes: 1 << 40}, false)
		b.ReportAllocs()
		for i := range b.N {
			q.record(event(i % 100))
			if i%4096 == 0 {
				q.pop(q.len())
			}
		}
	})
	b.Run("full", func(b *testing.B) {
		q := newQueue("boot", Limits{Events: 0, Bytes: 0}, false)
		e := event(1)
		b.ReportAllocs()
		for range b.N {
			q.record(e)
		}
	})
}
