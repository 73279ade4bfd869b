package gateway_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/limpet-security/limpet/controlplane/gateway"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/uplink"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func event(i int) *eventpb.Event {
	return &eventpb.Event{Kind: eventpb.Kind_KIND_EXEC, Verdict: eventpb.Verdict_VERDICT_DENY, Control: "drift",
		Reason: fmt.Sprintf("event %d", i), Process: &eventpb.Process{Pid: int32(i), Exe: "/bin/sh", Args: []string{"sh", "-c", "id"}}}
}

// TestLink follows one enforcer: it enrols, tells its status, is given a bundle
// within a second of its publication, delivers events, says good-bye.
func TestLink(t *testing.T) {
	ctl := newControl(t)
	s := serve(t, ctl, ctl.ca, gateway.Limits{})
	var number atomic.Uint64
	bundles := make(chan string, 10)
	var told atomic.Pointer[uplink.Enrolled]
	u := link(t, s, func(c *uplink.Config) {
		c.OnEnrolled = func(e uplink.Enrolled) { told.Store(&e) }
		c.OnBundle = func(b []byte) error { number.Add(1); bundles <- string(b); return nil }
		c.Status = func() *wirepb.HeartbeatRequest {
			return &wirepb.HeartbeatRequest{BundleNumber: number.Load(), Controls: []*wirepb.ControlStatus{{Control: "drift", State: "enforced"}}}
		}
	})
	wait(t, "a heartbeat", func() bool { ctl.mu.Lock(); defer ctl.mu.Unlock(); return len(ctl.beats) > 0 })
	if e := told.Load(); e == nil || e.EnforcerID != "e-1" || e.Group != "web" || len(e.BundleKeys) != 1 {
		t.Fatalf("OnEnrolled told %+v", e)
	}
	for i := range 3 {
		want := fmt.Sprintf("bundle %d", i)
		start := time.Now()
		ctl.publish([]byte(want))
		if got := <-bundles; got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("bundle %d took %v", i, d)
		} else {
			t.Logf("bundle %d took %v", i, d)
		}
	}
	for i := range 2500 {
		u.Record(event(i))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := u.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if got, dropped := ctl.figures(); got != 2500 || dropped != 0 {
		t.Errorf("control plane has %d events and %d drops, want 2500 and 0", got, dropped)
	}
	if s := u.Stats(); s.Acked != 2500 || s.Queued != 0 || !s.Connected {
		t.Errorf("stats: %+v", s)
	}
	ctl.mu.Lock()
	defer ctl.mu.Unlock()
	last := ctl.beats[len(ctl.beats)-1]
	if !last.Stopping || last.EventsAcked != 2500 || last.Controls[0].State != "enforced" {
		t.Errorf("last heartbeat: %v", last)
	}
	for i := 1; i <= 2500; i++ {
		e := ctl.events[fmt.Sprintf("e-1/%s/%d", u.BootID(), i)]
		if e == nil || e.Id == "" || e.ObservedAtNs == 0 || e.Reason != fmt.Sprintf("event %d", i-1) {
			t.Fatalf("event %d: %v", i, e)
		}
	}
}

// TestGatewayRestart stops the gateway in the middle of an event stream and
// loses answers after the commit: nothing is lost, nothing is there twice
// under two keys, in memory and with a spool.
func TestGatewayRestart(t *testing.T) {
	for _, dir := range []string{"", filepath.Join(t.TempDir(), "state")} {
		t.Run(fmt.Sprintf("spool=%v", dir != ""), func(t *testing.T) {
			ctl := newControl(t)
			s := serve(t, ctl, ctl.ca, gateway.Limits{})
			u := link(t, s, func(c *uplink.Config) { c.Dir = dir; c.Queue.Events = 100_000; c.Queue.Bytes = 64 << 20 })
			var n atomic.Int64
			ctl.setFail(func(call string) error {
				if call == "pushed" && n.Add(1)%5 == 2 {
					return fmt.Errorf("the answer is lost")
				}
				return nil
			})
			const total = 5000
			var wg sync.WaitGroup
			wg.Go(func() {
				for i := range total {
					u.Record(event(i))
					if i%100 == 0 {
						time.Sleep(5 * time.Millisecond)
					}
				}
			})
			time.Sleep(100 * time.Millisecond)
			s.stop()
			time.Sleep(100 * time.Millisecond)
			s.start()
			wg.Wait()
			ctl.setFail(nil)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := u.Flush(ctx); err != nil {
				t.Fatal(err)
			}
			if got, dropped := ctl.figures(); got != total || dropped != 0 {
				t.Errorf("control plane has %d events and %d drops, want %d and 0", got, dropped, total)
			}
			if s := u.Stats(); s.Acked != total {
				t.Errorf("stats: %+v", s)
			}
			t.Logf("%d events came again", ctl.twice)
		})
	}
}
