package ingest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/limpet-security/limpet/controlplane/events"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/controlplane/store/storetest"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/internal/wire"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

const ta tenant.ID = "default"

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"))
}

func newService(t *testing.T) (*Service, *store.Store) {
	t.Helper()
	st, err := store.Open(t.Context(), storetest.SQLite(t))
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Store: st, Hub: &events.Hub{}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, st.Close()); err != nil {
			t.Error(err)
		}
	})
	return s, st
}

func pushRequest(enforcer, boot string, sequences ...uint64) *wirepb.ControlPushEventsRequest {
	m := &wirepb.ControlPushEventsRequest{
		Identity:     &wirepb.Identity{Tenant: string(ta), EnforcerId: enforcer, Group: "web"},
		Request:      &wirepb.PushEventsRequest{BootId: boot},
		ReceivedAtNs: time.Now().UnixNano(),
	}
	for _, n := range sequences {
		m.Request.Events = append(m.Request.Events, &eventpb.Event{
			Id: uuid.NewString(), Sequence: n, ObservedAtNs: time.Now().UnixNano(), Kind: eventpb.Kind_KIND_EXEC, Verdict: eventpb.Verdict_VERDICT_DENY, Control: "drift",
		})
	}
	return m
}

func TestManyPushersShareCommits(t *testing.T) {
	s, st := newService(t)
	var all sync.WaitGroup
	for e := range 20 {
		all.Go(func() {
			id, boot := uuid.NewString(), uuid.NewString()
			for n := uint64(1); n <= 15; n++ {
				ack, err := s.PushEvents(context.WithoutCancel(t.Context()), pushRequest(id, boot, 2*n-1, 2*n))
				if err != nil || ack.AckedSequence != 2*n {
					t.Errorf("enforcer %d: acked %v, %v", e, ack, err)
				}
			}
		})
	}
	all.Wait()
	page, err := st.Events(t.Context(), ta, store.EventFilter{}, store.Page{Limit: 500})
	if err != nil || len(page.Events) != 500 || page.Next == "" { // 600 in all
		t.Errorf("%d events, next %q, %v", len(page.Events), page.Next, err)
	}
}

func TestPushIsIdempotentAndBounded(t *testing.T) {
	s, st := newService(t)
	id, boot := uuid.NewString(), uuid.NewString()
	for range 3 {
		if ack, err := s.PushEvents(t.Context(), pushRequest(id, boot, 1, 2, 3)); err != nil || ack.AckedSequence != 3 {
			t.Fatalf("%v, %v", ack, err)
		}
	}
	if page, err := st.Events(t.Context(), ta, store.EventFilter{}, store.Page{}); err != nil || len(page.Events) != 3 {
		t.Errorf("%d events, %v", len(page.Events), err)
	}
	for name, m := range map[string]*wirepb.ControlPushEventsRequest{
		"no sequence": pushRequest(id, boot, 0), "sequence too high": pushRequest(id, boot, 1<<63),
		"too many": pushRequest(id, boot, make([]uint64, wire.MaxBatch+1)...),
	} {
		if _, err := s.PushEvents(t.Context(), m); !errors.Is(err, wire.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := pushRequest(id, boot, 9)
	bad.Identity.Tenant = "../other"
	if _, err := s.PushEvents(t.Context(), bad); !errors.Is(err, wire.ErrIdentity) {
		t.Errorf("a tenant that is none: %v", err)
	}
	// Two tenants' enforcers of one name are two.
	other := pushRequest(id, boot, 1)
	other.Identity.Tenant = "other"
	if _, err := s.PushEvents(t.Context(), other); err != nil {
		t.Error(err)
	}
	if page, err := st.Events(t.Context(), "other", store.EventFilter{}, store.Page{}); err != nil || len(page.Events) != 1 {
		t.Errorf("%d events of the other tenant, %v", len(page.Events), err)
	}
}

func TestRevokedIsRefused(t *testing.T) {
	s, st := newService(t)
	id := uuid.NewString()
	err := st.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		return errors.Join(tx.PutEnforcer(ctx, ta, store.Enforcer{ID: id, GroupName: "web"}), tx.RevokeEnforcer(ctx, ta, store.Revocation{ID: id}))
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PushEvents(t.Context(), pushRequest(id, "b", 1)); !errors.Is(err, wire.ErrIdentity) {
		t.Errorf("push: %v", err)
	}
	m := &wirepb.ControlRenewRequest{Identity: &wirepb.Identity{Tenant: string(ta), EnforcerId: id}}
	if _, err := s.Renew(t.Context(), m); !errors.Is(err, wire.ErrIdentity) {
		t.Errorf("renew: %v", err)
	}
	if _, err := s.Heartbeat(t.Context(), &wirepb.ControlHeartbeatRequest{Identity: m.Identity, Request: &wirepb.HeartbeatRequest{BootId: "b"}}); !errors.Is(err, wire.ErrIdentity) {
		t.Errorf("heartbeat: %v", err)
	}
	if _, err := s.PullBundle(t.Context(), &wirepb.ControlPullBundleRequest{Identity: m.Identity, Request: &wirepb.PullBundleRequest{Nonce: make([]byte, wire.NonceSize)}}); !errors.Is(err, wire.ErrIdentity) {
		t.Errorf("policy: %v", err)
	}
	if _, err := s.PushProfile(t.Context(), &wirepb.ControlPushProfileRequest{Identity: m.Identity, Request: &wirepb.PushProfileRequest{BootId: "b", Sequence: 1}}); !errors.Is(err, wire.ErrIdentity) {
		t.Errorf("profile: %v", err)
	}
}

func TestBelieve(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).UnixNano()
	hour := time.Hour.Nanoseconds()
	for name, c := range map[string]struct{ observed, skew, want int64 }{
		"just now":            {now - 5, 0, now - 5},
		"spooled for an hour": {now - hour, 0, now - hour},
		"clock ahead, known":  {now + hour - 7, hour, now - 7},
		"clock behind, known": {now - hour - 7, -hour, now - 7},
		"from the future":     {now + 1000*hour, 0, now},
		"from 1970":           {0, 0, now},
		"small skew":          {now - 5, 1000, now - 5},
	} {
		if got := believe(c.observed, c.skew, now); got != c.want {
			t.Errorf("%s: %d, want %d", name, got-now, c.want-now)
		}
	}
}

func TestRowIsTheGatewaysWord(t *testing.T) {
	e := store.Enforcer{ID: "real", GroupName: "web", Image: "nginx:1", ImageDigest: "sha256:aa", Claimed: true}
	ev := &eventpb.Event{
		Id: "not a uuid", BootId: "forged", Sequence: 4, Control: "drift\x00\xff", Count: 1 << 60,
		Workload: &eventpb.Workload{Image: "innocent:1"},
		Object:   &eventpb.Event_File{File: &eventpb.FileObject{Path: strings.Repeat("/ÄÖ", 3000)}},
	}
	row, err := newRow(ta, e, "boot", 1_000_000, ev)
	if err != nil {
		t.Fatal(err)
	}
	if row.EnforcerID != "real" || row.BootID != "boot" || row.GroupName != "web" || row.Image != "nginx:1" || row.Verdict != "allow" {
		t.Errorf("%+v", row)
	}
	if _, err := uuid.Parse(row.ID); err != nil {
		t.Errorf("identifier %q", row.ID)
	}
	if len(row.Search) > maxSearch || !strings.Contains(row.Search, "/äö") || row.Count > 1<<40 || strings.Contains(row.Control, "\x00") || !utf8.ValidString(row.Control) {
		t.Errorf("%d bytes of search text, count %d, control %q", len(row.Search), row.Count, row.Control)
	}
}

func FuzzSearchText(f *testing.F) {
	f.Add("/tmp/x", "\xff\xfe", strings.Repeat("ä", 3000))
	f.Fuzz(func(t *testing.T, path, arg, reason string) {
		s := searchText(&eventpb.Event{
			Reason: reason, Process: &eventpb.Process{Args: []string{arg, arg}}, Object: &eventpb.Event_File{File: &eventpb.FileObject{Path: path}},
		})
		if len(s) > maxSearch || strings.ToValidUTF8(s, "") != s {
			t.Errorf("%d bytes, %q", len(s), s)
		}
	})
}

// TestProfileIsIdempotentAndBelieved hands in a part twice, and lies about time.
func TestProfileIsIdempotent(t *testing.T) {
	s, st := newService(t)
	m := &wirepb.ControlPushProfileRequest{
		Identity: &wirepb.Identity{Tenant: string(ta), EnforcerId: uuid.NewString(), Group: "web"}, ReceivedAtNs: time.Now().UnixNano(),
		Request: &wirepb.PushProfileRequest{BootId: "b", Sequence: 1, FromNs: 0, UntilNs: 1 << 62, Items: []*wirepb.ProfileItem{
			{Kind: wire.ProfileExec, Path: "/bin/a", Count: 4, FirstTime: true, FirstNs: 1 << 62, LastNs: 5},
			{Kind: wire.ProfileExec, Path: "/bin/a", Count: 1},
		}, Workload: &eventpb.Workload{ImageDigest: "sha256:a"}},
	}
	for range 2 {
		ack, err := s.PushProfile(t.Context(), m)
		if err != nil || ack.AckedSequence != 1 {
			t.Fatalf("%v %v", ack, err)
		}
	}
	rows, _, err := st.Profiles(t.Context(), ta, "web", store.Page{})
	if err != nil || len(rows) != 1 || rows[0].Occurrences != 5 || rows[0].Starts != 1 || rows[0].Workload != "sha256:a" || rows[0].ObservedNs > int64(longestPart) {
		t.Errorf("%+v %v", rows, err)
	}
	if rows[0].LastSeen > time.Now().UnixNano() {
		t.Errorf("seen in the future: %+v", rows[0])
	}
	m.Request.Items[0].Kind = "nonsense"
	if _, err := s.PushProfile(t.Context(), m); !errors.Is(err, wire.ErrInvalid) {
		t.Errorf("a kind that nobody knows: %v", err)
	}
	m.Request.Items[0].Kind = wire.ProfileExec
	for _, p := range []string{"/**", "/usr/**/x", "/tmp/?", "/bin/[a-z]sh", "/a/***"} {
		for _, it := range []*wirepb.ProfileItem{{Kind: wire.ProfileExec, Path: p}, {Kind: wire.ProfileExec, Path: "/bin/a", Exe: p}, {Kind: wire.ProfileExec, Path: "/bin/a", Interpreter: p}} {
			m.Request.Sequence, m.Request.Items = m.Request.Sequence+1, []*wirepb.ProfileItem{it}
			if _, err := s.PushProfile(t.Context(), m); !errors.Is(err, wire.ErrInvalid) {
				t.Errorf("a pattern for all, %v: %v", it, err)
			}
		}
	}
}
