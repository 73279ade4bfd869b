package microenforcer

import (
	"log/slog"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/bundle"
	"github.com/limpet-security/limpet/internal/enforcer"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/workload"
)

type recorded []*eventpb.Event

func (r *recorded) Record(e *eventpb.Event) { *r = append(*r, e) }

// TestRevokedWhileRunning holds that an image that was revoked before its start
// ends the workload when the enforcer hears of it, one that was revoked later
// does not, and that audit mode ends nothing.
func TestRevokedWhileRunning(t *testing.T) {
	revoke := func(b *bundle.Bundle) { b.Revoked = []string{digest} }
	for _, tt := range []struct {
		name    string
		mode    policy.Mode
		started time.Duration // before the bundle was issued
		rule    string
		verdict eventpb.Verdict
	}{
		{"before the start", policy.Enforce, -time.Hour, "image", eventpb.Verdict_VERDICT_DENY},
		{"during the start", policy.Enforce, time.Second, "image", eventpb.Verdict_VERDICT_DENY},
		{"later", policy.Enforce, time.Hour, "runs-on", eventpb.Verdict_VERDICT_AUDIT},
		{"audit", policy.Audit, -time.Hour, "image", eventpb.Verdict_VERDICT_AUDIT},
		{"off", policy.Off, -time.Hour, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSigner(t)
			var events recorded
			m := &micro{cfg: &Config{Logger: slog.New(slog.DiscardHandler)}, policies: s.policies(workload.NoPolicyAudit, s.bundle(1, nil)), started: time.Now().Add(-tt.started)}
			first, _, err := m.policies.load(m.cfg)
			if err != nil {
				t.Fatal(err)
			}
			if m.loop, err = enforcer.New(enforcer.Config{Recorder: &events, Workload: &eventpb.Workload{Image: "shop:1", ImageDigest: digest}}, first); err != nil {
				t.Fatal(err)
			}
			if err := m.startRevoked(); err != nil {
				t.Fatal(err)
			}
			for n := uint64(2); n < 4; n++ { // the second time nothing is new
				if err := m.apply(s.bundle(n, func(b *bundle.Bundle) { revoke(b); b.GroupMode = tt.mode })); err != nil {
					t.Fatal(err)
				}
			}
			m.loop.Flush()
			var found []*eventpb.Event
			stopped := false
			for _, e := range events {
				if e.Control == string(policy.RevokedImage) {
					found = append(found, e)
				}
				stopped = stopped || e.Reason == "The policy stopped the workload: its image is revoked."
			}
			if tt.rule == "" {
				if len(found) > 0 || stopped {
					t.Errorf("%v, stopped %v", found, stopped)
				}
				return
			}
			if len(found) != 1 || found[0].Rule != tt.rule || found[0].Verdict != tt.verdict || found[0].Technique != "T1610" || found[0].Count != 1 {
				t.Errorf("%v", found)
			}
			if stopped != (tt.verdict == eventpb.Verdict_VERDICT_DENY) {
				t.Errorf("stopped: %v", stopped)
			}
			// Restored and revoked again, it is judged again.
			for n, change := range []func(*bundle.Bundle){nil, revoke} {
				if err := m.apply(s.bundle(uint64(4+n), change)); err != nil {
					t.Fatal(err)
				}
			}
			if m.policies.revoked.Load() != true || !m.wasRevoked.Load() {
				t.Error("a second revocation is not seen")
			}
		})
	}
}
