package microenforcer

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/attest"
	"github.com/limpet-security/limpet/internal/bundle"
	"github.com/limpet-security/limpet/internal/enforcer"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/workload"
)

func seeded(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

// verdictAbout signs a verdict about an image.
func verdictAbout(t testing.TB, key ed25519.PrivateKey, image, result string, judged time.Time) []byte {
	t.Helper()
	predicate, err := json.Marshal(map[string]any{"result": result, "policies": []any{}, "judgedAt": judged, "expiresAt": judged.AddDate(0, 0, 30)})
	if err != nil {
		t.Fatal(err)
	}
	algorithm, hex, _ := strings.Cut(image, ":")
	b, err := attest.Sign(attest.Statement{Subject: []attest.Subject{{Digest: map[string]string{algorithm: hex}}}, PredicateType: attest.VerdictType, Predicate: predicate}, key)
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func assuring(t testing.TB, mode string) func(*bundle.Bundle) {
	t.Helper()
	p, err := policy.Parse([]byte("apiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata: {name: assured}\nspec: {controls: {imageAssurance: {mode: " + mode + "}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	return func(b *bundle.Bundle) {
		b.Policies, b.VerdictKeys = []*policy.RuntimePolicy{p}, []ed25519.PublicKey{seeded(7).Public().(ed25519.PublicKey)}
	}
}

// TestImageAtStart holds what lies beside the enforcer against the bundle that
// lies there, too: nobody is asked.
func TestImageAtStart(t *testing.T) {
	now := time.Now()
	good := verdictAbout(t, seeded(7), digest, "pass", now.Add(-time.Hour))
	for _, tt := range []struct {
		name    string
		verdict []byte
		mode    string
		group   policy.Mode
		rule    string
		stopped bool
	}{
		{"good", good, "enforce", policy.Enforce, "", false},
		{"failed", verdictAbout(t, seeded(7), digest, "fail", now.Add(-time.Hour)), "enforce", policy.Enforce, "failed", true},
		{"failed since", append(bytes.Clone(good), verdictAbout(t, seeded(7), digest, "fail", now.Add(-time.Minute))...), "enforce", policy.Enforce, "failed", true},
		{"expired", verdictAbout(t, seeded(7), digest, "pass", now.AddDate(0, 0, -31)), "enforce", policy.Enforce, "expired", true},
		{"wrong key", verdictAbout(t, seeded(8), digest, "pass", now), "enforce", policy.Enforce, "wrong-key", true},
		{"another image", verdictAbout(t, seeded(7), "sha256:"+strings.Repeat("0", 64), "pass", now), "enforce", policy.Enforce, "other-image", true},
		{"none", nil, "enforce", policy.Enforce, "no-verdict", true},
		{"none, the policy audits", nil, "audit", policy.Enforce, "no-verdict", false},
		{"none, the group audits", nil, "enforce", policy.Audit, "no-verdict", false},
		{"none, off", nil, "off", policy.Enforce, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if tt.verdict != nil {
				if err := os.WriteFile(filepath.Join(dir, "verdict"), tt.verdict, 0o444); err != nil {
					t.Fatal(err)
				}
			}
			s := newSigner(t)
			change := assuring(t, tt.mode)
			m, events := assured(t, dir, s, s.bundle(1, func(b *bundle.Bundle) { change(b); b.GroupMode = tt.group }))
			err := m.startImage()
			if (err != nil) != tt.stopped || err != nil && !strings.Contains(err.Error(), tt.rule) {
				t.Errorf("error %v, stopped %v", err, tt.stopped)
			}
			m.loop.Flush()
			found := ofImage(*events)
			if tt.rule == "" {
				if len(found) > 0 {
					t.Errorf("%v", found)
				}
				return
			}
			if len(found) != 1 || found[0].Rule != tt.rule || found[0].Policy != "assured" || found[0].Killed != tt.stopped || found[0].Workload.ImageDigest != digest ||
				!strings.HasPrefix(found[0].Reason, "shop:1 is not approved to run: ") || found[0].Technique != "T1204.003" {
				t.Errorf("%v", found)
			}
		})
	}
}

func ofImage(events []*eventpb.Event) (found []*eventpb.Event) {
	for _, e := range events {
		if e.Control == string(policy.ImageAssurance) {
			found = append(found, e)
		}
	}
	return found
}

// assured is an enforcer of a wrapped image that is about to start.
func assured(t *testing.T, dir string, s *signer, embedded []byte) (*micro, *recorded) {
	t.Helper()
	var events recorded
	m := &micro{cfg: &Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)}, policies: s.policies(workload.NoPolicyAudit, embedded), started: time.Now()}
	m.baggage = m.policies.baggage
	first, note, err := m.policies.load(m.cfg)
	if err != nil || note != nil {
		t.Fatal(err, note)
	}
	m.loop, err = enforcer.New(enforcer.Config{Recorder: &events, Workload: &eventpb.Workload{Image: "shop:1", ImageDigest: digest}}, first)
	if err != nil {
		t.Fatal(err)
	}
	return m, &events
}

// TestImageWhileRunning: a bundle that was there before the start and is heard of
// late ends what it would not have let start; a later one reports it.
func TestImageWhileRunning(t *testing.T) {
	for _, tt := range []struct {
		name   string
		issued time.Duration // after the start
		ended  bool
	}{{"before the start", -time.Hour, true}, {"later", time.Hour, false}} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSigner(t)
			m, events := assured(t, t.TempDir(), s, s.bundle(1, nil))
			if err := m.startImage(); err != nil {
				t.Fatal(err)
			}
			m.started = time.Now().Add(-tt.issued)
			for n := uint64(2); n < 4; n++ { // the second time nothing is new
				if err := m.apply(s.bundle(n, assuring(t, "enforce"))); err != nil {
					t.Fatal(err)
				}
			}
			m.loop.Flush()
			found := ofImage(*events)
			if len(found) != 1 || found[0].Count != 1 || found[0].Killed != tt.ended || (found[0].Attributes["runs_on"] == "true") == tt.ended {
				t.Errorf("%v", found)
			}
			stopped := false
			for _, e := range *events {
				stopped = stopped || strings.HasPrefix(e.Reason, "The policy stopped the workload: its image is not approved")
			}
			if stopped != tt.ended {
				t.Errorf("stopped: %v", stopped)
			}
		})
	}
}

func BenchmarkImageAtStart(b *testing.B) {
	good := verdictAbout(b, seeded(7), digest, "pass", time.Now().Add(-time.Hour))
	d := attest.Demand{Keys: []ed25519.PublicKey{seeded(7).Public().(ed25519.PublicKey)}}
	b.ReportAllocs()
	for b.Loop() {
		if _, fault := d.Check(attest.Split(good), []string{digest}, time.Now()); fault != "" {
			b.Fatal(fault)
		}
	}
}
