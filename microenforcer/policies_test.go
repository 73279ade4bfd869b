package microenforcer

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/bundle"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/workload"
	"github.com/limpet-security/limpet/microenforcer/attach"
)

func named(t *testing.T, name, mode string) *policy.RuntimePolicy {
	t.Helper()
	p, err := policy.Parse([]byte("apiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata: {name: " + name + "}\nspec: {controls: {mounts: {mode: " + mode + "}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// signer makes bundles of one group.
type signer struct {
	t   *testing.T
	pub ed25519.PublicKey
	key ed25519.PrivateKey
}

func newSigner(t *testing.T) *signer {
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{t, pub, key}
}

func (s *signer) bundle(number uint64, change func(*bundle.Bundle)) []byte {
	b := &bundle.Bundle{Format: bundle.Format, Tenant: "default", Group: "web", Epoch: 1, Number: number,
		IssuedAt: time.Now(), Expires: time.Now().Add(time.Hour), GroupMode: policy.Enforce,
		Policies: []*policy.RuntimePolicy{named(s.t, "p", "enforce")}}
	if change != nil {
		change(b)
	}
	data, err := bundle.Sign(b, s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

const digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func (s *signer) policies(onNoPolicy string, embedded []byte) *policies {
	p := &policies{}
	p.describeWorkload(&attach.Baggage{
		Embedded: workload.Embedded{Version: 1, Tenant: "default", Group: "web", OnNoPolicy: onNoPolicy, SourceDigest: digest},
		Keys:     []ed25519.PublicKey{s.pub}, Bundle: embedded,
	}, &eventpb.Workload{})
	return p
}

func TestStartPolicy(t *testing.T) {
	s, stranger := newSigner(t), newSigner(t)
	old := s.bundle(1, func(b *bundle.Bundle) {
		b.IssuedAt, b.Expires = time.Now().Add(-time.Hour), time.Now().Add(-time.Minute)
	})
	for _, tt := range []struct {
		name, onNoPolicy string
		embedded         []byte
		source           string // of the policy in force, "" if the start is refused
		mode             policy.Mode
		noted            bool
	}{
		{"embedded bundle", workload.NoPolicyRefuse, s.bundle(3, nil), "bundle", policy.Enforce, false},
		{"none, audit", workload.NoPolicyAudit, nil, "built-in default", policy.Audit, false},
		{"none, refuse", workload.NoPolicyRefuse, nil, "", "", false},
		{"wrong key, audit", workload.NoPolicyAudit, stranger.bundle(3, nil), "built-in default", policy.Audit, true},
		{"wrong key, refuse", workload.NoPolicyRefuse, stranger.bundle(3, nil), "", "", true},
		{"expired, audit", workload.NoPolicyAudit, old, "built-in default", policy.Audit, true},
		{"other group", workload.NoPolicyRefuse, s.bundle(1, func(b *bundle.Bundle) { b.Group = "db" }), "", "", true},
		{"revoked image", workload.NoPolicyAudit, s.bundle(1, func(b *bundle.Bundle) { b.Revoked = []string{digest} }), "bundle", policy.Enforce, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := s.policies(tt.onNoPolicy, tt.embedded)
			got, note, err := p.load(&Config{})
			if (err != nil) != (tt.source == "") || (note != nil) != tt.noted {
				t.Fatalf("err %v, note %v", err, note)
			}
			if err != nil {
				return
			}
			if p.revoked.Load() != (tt.name == "revoked image") {
				t.Errorf("revoked: %v", p.revoked.Load())
			}
			if d := p.describe(); d.Source != tt.source || policy.Mode(d.Mode) != tt.mode || got.Engine == nil {
				t.Errorf("%+v", d)
			}
		})
	}
}

// S9: live bundles are applied in order only; the last good one stays.
func TestLiveBundles(t *testing.T) {
	s, stranger := newSigner(t), newSigner(t)
	p := s.policies(workload.NoPolicyRefuse, s.bundle(3, nil))
	if _, _, err := p.load(&Config{}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		data []byte
		want error
	}{
		{"replay", s.bundle(3, nil), bundle.ErrReplay},
		{"downgrade", s.bundle(2, nil), bundle.ErrDowngrade},
		{"stranger", stranger.bundle(9, nil), bundle.ErrSignature},
		{"garbage", []byte("garbage"), bundle.ErrMalformed},
		{"other tenant", s.bundle(9, func(b *bundle.Bundle) { b.Tenant = "evil" }), bundle.ErrAudience},
		{"next", s.bundle(4, func(b *bundle.Bundle) {
			b.GroupMode = policy.Audit
			b.Policies = []*policy.RuntimePolicy{named(t, "q", "enforce")}
		}), nil},
	} {
		_, err := p.accept(tt.data, time.Now())
		if tt.want != nil && !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		d := p.describe()
		if want := map[bool]uint64{true: 4, false: 3}[tt.want == nil]; d.Number != want {
			t.Errorf("%s: number %d is in force, want %d", tt.name, d.Number, want)
		}
	}
	if d := p.describe(); d.Mode != "audit" || cmp.Diff([]string{"q"}, d.Names) != "" {
		t.Errorf("%+v", d)
	}
	// What a bundle that was refused says about the image does not count; what is
	// in force does, and can be taken back.
	revoke := func(b *bundle.Bundle) { b.Revoked = []string{digest} }
	_, _ = p.accept(s.bundle(2, revoke), time.Now())
	_, _ = p.accept(s.bundle(9, func(b *bundle.Bundle) { revoke(b); b.Group = "db" }), time.Now())
	if p.revoked.Load() {
		t.Error("a bundle that was refused revoked the image")
	}
	again, err := p.again()
	if err != nil || again.Number != 4 {
		t.Errorf("%+v, %v", again, err)
	}
	for i, change := range []func(*bundle.Bundle){revoke, nil} {
		if _, err := p.accept(s.bundle(uint64(5+i), change), time.Now()); err != nil || p.revoked.Load() != (change != nil) {
			t.Errorf("bundle %d: %v, revoked %v", 5+i, err, p.revoked.Load())
		}
	}
}

func TestPolicyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.yaml")
	os.WriteFile(path, []byte("apiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata: {name: a}\nspec: {controls: {mounts: {mode: enforce}}}\n"), 0o644)
	p := &policies{}
	if _, _, err := p.load(&Config{PolicyFile: path, Mode: policy.Audit}); err != nil || p.describe().Mode != "audit" {
		t.Errorf("%+v, %v", p.describe(), err)
	}
	os.WriteFile(path, []byte(strings.Repeat("#", MaxPolicyFile+1)), 0o644)
	if _, _, err := p.load(&Config{PolicyFile: path}); err == nil {
		t.Error("a file above the limit was read")
	}
}

func TestLabelsAndNames(t *testing.T) {
	got, err := parseLabels("a=1, b=x=y")
	if d := cmp.Diff(map[string]string{"a": "1", "b": "x=y"}, got); err != nil || d != "" {
		t.Error(err, d)
	}
	for _, bad := range []string{"a", "=x", "a=1,,b=2", strings.Repeat("k", 200) + "=1"} {
		if _, err := parseLabels(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	names := parseNames([]byte("root:x:0:0\nweb:x:1000:\nweb:x:5:\nbad\n:x:1:\nn:x:-1:\n"))
	if d := cmp.Diff(map[string]uint32{"root": 0, "web": 1000}, names); d != "" {
		t.Error(d)
	}
}

// The days of enforceAfterDays pass at the enforcer too: from the time of a
// bundle, or of the policy file.
func TestEnforceAfterDays(t *testing.T) {
	const day = 24 * time.Hour
	doc := "apiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata: {name: p}\nspec:\n  enforceAfterDays: 7\n  controls: {fileless: {mode: enforce}}\n"
	list, err := policy.ParseAll([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	s := newSigner(t)
	file := filepath.Join(t.TempDir(), "p.yaml")
	for age, want := range map[time.Duration]policy.Mode{0: policy.Audit, 6 * day: policy.Audit, 8 * day: policy.Enforce, 40 * 365 * day: policy.Audit} {
		if err := os.WriteFile(file, []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
		when := time.Now().Add(-age)
		os.Chtimes(file, when, when)
		got, _, err := (&policies{}).load(&Config{PolicyFile: file})
		if err != nil {
			t.Fatal(err)
		}
		if m := got.Engine.Mode(policy.Fileless); m != want {
			t.Errorf("a file of %v: %s, want %s", age, m, want)
		}
		if next := got.Engine.NextChange(); next.IsZero() != (want == policy.Enforce || age > 365*day) {
			t.Errorf("a file of %v: next change %v", age, next)
		}
		if age > 365*day {
			continue
		}
		p := s.policies(workload.NoPolicyRefuse, s.bundle(3, func(b *bundle.Bundle) {
			b.IssuedAt, b.Expires, b.Policies = when, time.Now().Add(day), list
		}))
		if got, _, err = p.load(&Config{}); err != nil {
			t.Fatal(err)
		}
		if m := got.Engine.Mode(policy.Fileless); m != want {
			t.Errorf("a bundle of %v: %s, want %s", age, m, want)
		}
	}
}
