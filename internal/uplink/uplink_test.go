package uplink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

func event(i int) *eventpb.Event {
	v := eventpb.Verdict_VERDICT_DENY
	if i%3 == 0 {
		v = eventpb.Verdict_VERDICT_ALLOW
	}
	return &eventpb.Event{Kind: eventpb.Kind_KIND_EXEC, Verdict: v, Control: []string{"drift", "outbound", "fileless"}[i%3], Reason: fmt.Sprint(i),
		Process: &eventpb.Process{Exe: strings.Repeat("x", i%500)}}
}

// TestExact is the property that everything hangs on: whatever the gateway
// does, events that arrived and events reported as dropped are together those
// that were recorded, each sequence number is there once, and the figures say so.
func TestExact(t *testing.T) {
	for _, spooled := range []bool{false, true} {
		for seed := range uint64(12) {
			t.Run(fmt.Sprintf("spool=%v/%d", spooled, seed), func(t *testing.T) {
				dir := ""
				if spooled {
					dir = filepath.Join(t.TempDir(), "state")
				}
				synctest.Test(t, func(t *testing.T) { exact(t, dir, seed) })
			})
		}
	}
}

func exact(t *testing.T, dir string, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 99)) // used under f.mu only, once f is in use
	f := newFake(t)
	often := func(p float64) func() bool { return func() bool { return rnd.Float64() < p } }
	f.lose, f.part = often(0.1), often(0.1)
	f.fail = func(call string) error {
		switch {
		case call != "push" || rnd.Float64() > 0.3:
			return nil
		case rnd.Float64() < 0.3:
			return &wire.Error{Kind: wire.ErrBusy, RetryAfter: time.Second}
		}
		return wire.ErrUnavailable
	}
	if seed%3 == 0 {
		f.poison = func(e *eventpb.Event) bool {
			return e.Kind == eventpb.Kind_KIND_EXEC && strings.HasSuffix(e.Reason, "77")
		}
	}
	u := f.uplink(func(c *Config) {
		c.Dir = dir
		c.Queue = Limits{Events: 50 + int(seed)*20, Bytes: 40_000, SpoolBytes: 200_000, Linger: 50 * time.Millisecond}
	})
	stop := start(u)
	defer stop()
	const writers, each = 4, 1500
	var wg sync.WaitGroup
	for w := range writers {
		r := rand.New(rand.NewPCG(seed, uint64(w)))
		wg.Go(func() {
			for i := range each {
				u.Record(event(w*each + i))
				if r.IntN(40) == 0 {
					time.Sleep(time.Duration(r.IntN(2000)) * time.Millisecond)
				}
			}
		})
	}
	wg.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Hour)
	defer cancel()
	for err := u.Flush(ctx); err != nil; err = u.Flush(ctx) {
		if ctx.Err() != nil {
			t.Fatalf("Flush: %v, %+v", err, u.Stats())
		}
	}
	got, dropped := f.figures(t)
	s := u.Stats()
	if got+dropped != writers*each {
		t.Errorf("%d arrived and %d were reported dropped, want together %d", got, dropped, writers*each)
	}
	if s.Generated != writers*each || s.Acked != got || s.Dropped != dropped || s.Queued != 0 || s.Spooled != 0 {
		t.Errorf("stats %+v, arrived %d, dropped %d", s, got, dropped)
	}
	t.Logf("%d arrived, %d dropped, %d pushes", got, dropped, f.pushes)
	if f.poison != nil && dropped == 0 {
		t.Error("no event was refused: the test shows nothing")
	}
}

// TestSpoolSurvives: what one start could not send, the next one does, under the
// old boot's numbers; and it is sent once, if the first one knew.
func TestSpoolSurvives(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	f := newFake(t)
	synctest.Test(t, func(t *testing.T) {
		f.changed = make(chan struct{}) // of this bubble
		u := f.uplink(func(c *Config) { c.Dir = dir })
		stop := start(u)
		for i := range 3000 {
			u.Record(event(i))
		}
		if err := u.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.set(func() { f.fail = func(string) error { return wire.ErrUnavailable } })
		for i := range 2000 {
			u.Record(event(i))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := u.Flush(ctx); err == nil || !strings.Contains(err.Error(), "2000 events") {
			t.Errorf("Flush with the gateway away: %v", err)
		}
		if s := u.Stats(); s.Spooled != 2000 || s.Connected {
			t.Errorf("stats: %+v", s)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	if f.enrolled != 1 || f.pushes == 0 {
		t.Fatalf("enrolled %d times", f.enrolled)
	}
	synctest.Test(t, func(t *testing.T) {
		before := len(f.events)
		f.changed = make(chan struct{})
		f.fail = nil
		u := f.uplink(func(c *Config) { c.Dir = dir; c.Token = "" }) // the token was spent
		if s := u.Stats(); s.Spooled != 2000 || !s.Enrolled {
			t.Errorf("after the restart: %+v", s)
		}
		stop := start(u)
		defer stop()
		u.Record(event(1))
		if err := u.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, dropped := f.figures(t); got != 5001 || dropped != 0 || before != 3000 {
			t.Errorf("%d arrived, %d dropped", got, dropped)
		}
		if s := u.Stats(); s.Acked != 1 || s.Spooled != 0 {
			t.Errorf("at the end: %+v", s)
		}
		left, _ := filepath.Glob(filepath.Join(dir, "spool", "*.seg"))
		if len(left) > 0 {
			t.Errorf("segments left: %v", left)
		}
	})
}

// TestOldIdentityRefused: a stored identity that is refused is replaced if there
// is a token.
func TestOldIdentityRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		stop := start(f.uplink(func(c *Config) { c.Dir = dir }))
		synctest.Wait()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		f.refuse = wire.Errorf(wire.ErrIdentity, "another install")
		f.fail = func(call string) error {
			if call == "enroll" {
				f.refuse = nil
			}
			return nil
		}
		u := f.uplink(func(c *Config) { c.Dir = dir })
		stop = start(u)
		defer stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		if f.enrolled != 2 || len(f.beats) == 0 || u.hasToken() {
			t.Errorf("enrolled %d times, %d heartbeats", f.enrolled, len(f.beats))
		}
	})
}

func TestEnrolmentRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		tries, began := 0, time.Now()
		f.fail = func(call string) error {
			if call == "enroll" {
				tries++
				if time.Since(began) < time.Hour {
					return wire.ErrUnavailable
				}
			}
			return nil
		}
		u := f.uplink(nil)
		defer start(u)()
		u.Record(event(1))
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if !u.Stats().Enrolled || u.hasToken() || u.Stats().Acked != 1 {
			t.Errorf("after the gateway came back: %+v", u.Stats())
		}
		if tries < 60 || tries > 150 {
			t.Errorf("%d tries in an hour", tries)
		}
	})
}

// TestTokenRefused: there is no point in going on; the enforcer does.
func TestTokenRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.tokens = nil
		u := f.uplink(nil)
		err := u.Run(t.Context())
		if !errors.Is(err, wire.ErrToken) || !strings.Contains(err.Error(), "it expired") {
			t.Fatal(err)
		}
		for i := range 20_000 {
			u.Record(event(i))
		}
		if s := u.Stats(); s.Generated != 20_000 || s.Dropped+s.Queued != 20_000 || s.Dropped == 0 || s.LastError == "" {
			t.Errorf("stats: %+v", s)
		}
		if err := u.Flush(t.Context()); err == nil {
			t.Error("Flush after the end of Run")
		}
	})
}

// TestRenewal: the certificate is replaced at half life, keeps being tried
// until it works, and works after expiry too.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		u := f.uplink(nil)
		defer start(u)()
		time.Sleep(time.Minute)
		synctest.Wait()
		first := u.ident.Load()
		time.Sleep(12 * time.Hour)
		synctest.Wait()
		if u.ident.Load() == first || f.renewed != 1 {
			t.Fatalf("renewed %d times in 12 h", f.renewed)
		}
		f.set(func() { f.fail = func(string) error { return wire.ErrUnavailable } })
		time.Sleep(30 * time.Hour) // past expiry
		synctest.Wait()
		beats := 0
		f.set(func() { f.fail = nil; beats = len(f.beats) })
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if f.renewed != 2 || len(f.beats) == beats {
			t.Errorf("renewed %d times, %d new heartbeats", f.renewed, len(f.beats)-beats)
		}
	})
}

// TestRefusedIdentity: it is asked for now and then, not all the time.
func TestRefusedIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		u := f.uplink(func(c *Config) { c.OnBundle = func([]byte) error { return nil } })
		defer start(u)()
		time.Sleep(time.Minute)
		synctest.Wait()
		calls := map[string]int{}
		f.set(func() {
			f.fail = func(call string) error { calls[call]++; return wire.Errorf(wire.ErrIdentity, "removed") }
		})
		u.Record(event(1))
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		t.Logf("in three hours: %v", calls)
		if n := calls["push"] + calls["pull"] + calls["heartbeat"]; n > 1000 || n < 10 {
			t.Errorf("%d calls in three hours", n)
		}
		f.set(func() { f.fail = nil })
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		if u.Stats().Acked != 1 {
			t.Errorf("when it is known again: %+v", u.Stats())
		}
	})
}

func TestPull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		var mu sync.Mutex
		var got []string
		var have uint64
		refuse := false
		u := f.uplink(func(c *Config) {
			c.Status = func() *wirepb.HeartbeatRequest {
				mu.Lock()
				defer mu.Unlock()
				return &wirepb.HeartbeatRequest{BundleNumber: have}
			}
			c.OnBundle = func(b []byte) error {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, string(b))
				if refuse {
					return errors.New("no")
				}
				have = f.number
				return nil
			}
		})
		defer start(u)()
		count := func() int { mu.Lock(); defer mu.Unlock(); return len(got) }
		synctest.Wait()
		begin := time.Now()
		f.publish("one")
		synctest.Wait()
		if count() != 1 || time.Since(begin) > 0 {
			t.Fatalf("%d bundles after %v", count(), time.Since(begin))
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if count() != 1 {
			t.Errorf("the same bundle came %d times", count())
		}
		mu.Lock()
		refuse = true
		mu.Unlock()
		f.publish("two") // refused: asked for again, ever more seldom
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := count() - 1; n < 5 || n > 40 {
			t.Errorf("a refused bundle came %d times in an hour", n)
		}
		f.set(func() { f.forged = true })
		mu.Lock()
		refuse = false
		mu.Unlock()
		time.Sleep(10 * time.Minute) // the last pause
		synctest.Wait()
		n := count()
		f.publish("three")
		time.Sleep(time.Hour)
		synctest.Wait()
		if count() != n {
			t.Error("a bundle with another's freshness was handed over")
		}
	})
}

// TestClock: a machine whose clock is off learns the gateway's.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		u := f.uplink(nil)
		told := false
		f.fail = func(call string) error {
			if call == "heartbeat" && !told {
				told = true
				return &wire.Error{Kind: wire.ErrClock, ServerTime: time.Now().Add(time.Hour)}
			}
			return nil
		}
		defer start(u)()
		time.Sleep(time.Minute)
		synctest.Wait()
		if d := time.Until(u.now()); d < time.Hour-time.Second || d > time.Hour+time.Second {
			t.Errorf("off by %v", d)
		}
		if len(f.beats) == 0 {
			t.Error("no heartbeat after that")
		}
	})
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.interval = 60
		u := f.uplink(func(c *Config) {
			c.Version, c.Hostname = "1.2.3", "box"
			c.Status = func() *wirepb.HeartbeatRequest { return &wirepb.HeartbeatRequest{Tasks: 7} }
		})
		defer start(u)()
		u.Record(event(1))
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(f.beats); n < 54 || n > 68 {
			t.Errorf("%d heartbeats in an hour", n)
		}
		b := f.beats[len(f.beats)-1]
		if b.Tasks != 7 || b.Version != "1.2.3" || b.Hostname != "box" || b.EventsAcked != 1 || b.BootId != u.BootID() || b.SentAtNs == 0 || b.Stopping {
			t.Errorf("heartbeat %v", b)
		}
	})
}

func TestState(t *testing.T) {
	f := newFake(t)
	dir := filepath.Join(t.TempDir(), "state")
	u := f.uplink(func(c *Config) { c.Dir = dir })
	if _, err := New(Config{Gateway: "gw.test", Kind: wire.KindMicro, CAPEM: u.cfg.CAPEM, Dir: dir}); err == nil || !strings.Contains(err.Error(), "another enforcer") {
		t.Errorf("two in one folder: %v", err)
	}
	stop := start(u)
	for !u.Stats().Enrolled {
		time.Sleep(time.Millisecond)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(filepath.Join(dir, "identity.json"))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("identity: %v, %v", st, err)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "identity.json")); strings.Contains(string(b), "token") {
		t.Error("the token was stored")
	}
	if err := os.WriteFile(filepath.Join(dir, "identity.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	u = f.uplink(func(c *Config) { c.Dir = dir }) // damaged: enrols anew
	if u.Stats().Enrolled {
		t.Error("a damaged identity was used")
	}
	u.Close()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Gateway: "gw.test", Kind: wire.KindMicro, CAPEM: u.cfg.CAPEM, Dir: dir}); err == nil || !strings.Contains(err.Error(), "0700") {
		t.Errorf("a folder that others can read: %v", err)
	}
}

func TestConfig(t *testing.T) {
	f := newFake(t)
	good := f.uplink(nil).cfg
	for name, change := range map[string]func(*Config){
		"no gateway":   func(c *Config) { c.Gateway = "" },
		"http":         func(c *Config) { c.Gateway = "http://gw" },
		"user in URL":  func(c *Config) { c.Gateway = "https://u:p@gw" },
		"query":        func(c *Config) { c.Gateway = "https://gw?x" },
		"no CA":        func(c *Config) { c.CAPEM = "" },
		"no PEM":       func(c *Config) { c.CAPEM = "x" },
		"kind":         func(c *Config) { c.Kind = "mega" },
		"proxy":        func(c *Config) { c.Proxy = "::" },
		"token length": func(c *Config) { c.Token = strings.Repeat("x", wire.MaxToken+1) },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for in, want := range map[string]string{"gw": "https://gw:8444", "gw:1": "https://gw:1", "https://gw": "https://gw:8444", "https://gw:9/x/": "https://gw:9/x",
		"::1": "", "[::1]:5": "https://[::1]:5"} {
		u, err := gatewayURL(in)
		if got := fmt.Sprint(u); err == nil && got != want || err != nil && want != "" {
			t.Errorf("%s: %v, %v", in, u, err)
		}
	}
}
