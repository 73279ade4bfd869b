package controlplane

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane/client"
	"github.com/limpet-security/limpet/internal/uplink"
	"github.com/limpet-security/limpet/internal/wire"
)

// linked runs an uplink to a server until the test ends, and waits until it
// has enrolled.
func linked(t *testing.T, server *process, admin *client.Client, dir string, limits uplink.Limits) (u *uplink.Uplink, id string) {
	t.Helper()
	pem, err := os.ReadFile(server.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	enrolled := make(chan uplink.Enrolled, 1)
	u, err = uplink.New(uplink.Config{
		Gateway: server.Gateway, CAPEM: string(pem), Token: joinToken(t, admin, "web"), Kind: wire.KindMicro, Version: "test",
		Dir: dir, Queue: limits, OnEnrolled: func(e uplink.Enrolled) { enrolled <- e },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = u.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	select {
	case e := <-enrolled:
		return u, e.EnforcerID
	case <-time.After(20 * time.Second):
		t.Fatal("not enrolled")
		panic("not reached")
	}
}

// P10: a burst of 50,000 events through the real uplink, gateway and database:
// what is stored and what is reported dropped are together what was recorded,
// exactly, by control and in occurrences; also when the server is away, and
// memory or spool are full before it comes back.
func TestBurstIsCountedExactly(t *testing.T) {
	for _, tt := range []struct {
		name         string
		limits       uplink.Limits
		away, spools bool
	}{
		{name: "the server answers"},
		{name: "away, memory full", limits: uplink.Limits{Events: 2000}, away: true},
		{name: "away, spool full", limits: uplink.Limits{Events: 2000, SpoolBytes: 3 << 20}, away: true, spools: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Config{Data: t.TempDir(), Listen: freeAddr(t), GatewayListen: freeAddr(t)}
			server := spawn(t, c)
			admin := administrator(t, c.Data, "", server.Console)
			dir := ""
			if tt.spools {
				dir = filepath.Join(t.TempDir(), "state")
			}
			u, id := linked(t, server, admin, dir, tt.limits)
			if tt.away {
				server.kill()
			}
			const burst, writers = 50_000, 4
			controls := []string{"drift", "outbound", "fileless"}
			made := map[string]uint64{}
			var mu sync.Mutex
			var writing sync.WaitGroup
			for w := range writers {
				writing.Go(func() {
					own := map[string]uint64{}
					for i := w; i < burst; i += writers {
						e := batch(u.BootID(), 1, 1).Events[0]
						e.Sequence, e.Control, e.Count = 0, controls[i%len(controls)], uint64(1+i%4)
						own[e.Control] += e.Count
						u.Record(e)
					}
					mu.Lock()
					defer mu.Unlock()
					for control, n := range own {
						made[control] += n
					}
				})
			}
			writing.Wait()
			if tt.away {
				if s := u.Stats(); s.Dropped == 0 || tt.spools && s.Spooled == 0 {
					t.Errorf("the queue was not full: %+v", s)
				}
				spawn(t, c)
			}
			flush, done := context.WithTimeout(t.Context(), 2*time.Minute)
			defer done()
			if err := u.Flush(flush); err != nil {
				t.Fatalf("not everything arrived: %v (%+v)", err, u.Stats())
			}
			stored, dropped := accounts(t, admin, id)
			for control, want := range made {
				if stored[control]+dropped[control] != want {
					t.Errorf("%s: %d are stored and %d reported dropped, want together %d", control, stored[control], dropped[control], want)
				}
			}
			s := u.Stats()
			if s.Generated != burst || s.Acked+s.Dropped != burst || s.Queued != 0 || s.Acked == 0 {
				t.Errorf("%+v", s)
			}
			t.Logf("%d sent, %d dropped; stored %v, reported dropped %v", s.Acked, s.Dropped, stored, dropped)
		})
	}
}

// accounts adds up, by control, what the events of an enforcer stand for and
// what it reported as dropped.
func accounts(t *testing.T, c *client.Client, id string) (stored, dropped map[string]uint64) {
	t.Helper()
	stored, dropped = map[string]uint64{}, map[string]uint64{}
	for cursor := ""; ; {
		var page struct {
			Items []struct {
				Control, Kind string
				Count         uint64
				Object        struct{ ByControl map[string]uint64 }
			}
			NextCursor string
		}
		call(t, c, "GET", "/events?limit=500&enforcer="+id+"&cursor="+cursor, nil, &page)
		for _, e := range page.Items {
			if e.Kind != "dropped" {
				stored[e.Control] += e.Count
			}
			for control, n := range e.Object.ByControl {
				dropped[control] += n
			}
		}
		if cursor = page.NextCursor; cursor == "" {
			return stored, dropped
		}
	}
}
