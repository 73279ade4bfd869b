package verdict

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/action"
	"github.com/limpet-security/limpet/internal/attest"
	"github.com/limpet-security/limpet/internal/policy"
)

func verdictKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune('a'+seed)), ed25519.SeedSize)))
}

// said is one verdict as the naive evaluator knows it.
type said struct {
	key    byte
	digest string
	policy string
	fail   bool
	age    int // days
}

func (s said) sign(t *testing.T, now time.Time) []byte {
	t.Helper()
	result := map[bool]string{true: "fail", false: "pass"}[s.fail]
	predicate, err := json.Marshal(map[string]any{"result": result, "judgedAt": now.AddDate(0, 0, -s.age), "policies": []map[string]any{{"name": s.policy}}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := attest.Sign(attest.Statement{Subject: []attest.Subject{{Digest: map[string]string{"sha256": s.digest}}}, PredicateType: attest.VerdictType, Predicate: predicate}, verdictKey(s.key))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// naiveImage says which rule of one policy is violated.
func naiveImage(k *policy.ImageAssuranceControl, w *Workload, all []said, digest string) string {
	trusted := func(key byte) bool {
		pub := verdictKey(key).Public().(ed25519.PublicKey)
		for _, have := range w.VerdictKeys {
			if have.Equal(pub) {
				return true
			}
		}
		for _, text := range k.Keys {
			if string(text) == base64.StdEncoding.EncodeToString(pub) {
				return true
			}
		}
		return false
	}
	rank := []string{"no-verdict", "wrong-key", "other-image", "policy"}
	why, newest := 0, (*said)(nil)
	for i := range all {
		s := &all[i]
		switch {
		case !trusted(s.key):
			why = max(why, 1)
		case s.digest != digest:
			why = max(why, 2)
		case len(k.Policies) > 0 && string(k.Policies[0]) != s.policy:
			why = max(why, 3)
		case newest == nil || s.age < newest.age:
			newest = s
		}
	}
	switch {
	case newest == nil:
		return rank[why]
	case k.MaxAgeDays > 0 && newest.age > k.MaxAgeDays:
		return "too-old"
	case newest.fail:
		return "failed"
	}
	return ""
}

// TestImageAgreesWithNaiveEvaluator judges random verdicts by random policies
// both ways.
func TestImageAgreesWithNaiveEvaluator(t *testing.T) {
	r := random{rand.New(rand.NewPCG(20261122, 9))}
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	digests := []string{strings.Repeat("a", 64), strings.Repeat("b", 64)}
	counts := map[policy.RuleID]int{}
	for range 1500 {
		ps := []*policy.RuntimePolicy{r.policy("p0"), r.policy("p1")}[:1+r.IntN(2)]
		w := r.workload()
		for i := range 1 + r.IntN(2) {
			w.VerdictKeys = append(w.VerdictKeys, verdictKey(byte(i)).Public().(ed25519.PublicKey))
		}
		for _, p := range ps {
			p.Spec.Exceptions = nil // they select what processes do
			p.Spec.Controls.ImageAssurance = maybe(r, func() *policy.ImageAssuranceControl {
				k := &policy.ImageAssuranceControl{Setting: r.setting(), MaxAgeDays: r.IntN(3) * 5}
				if r.IntN(3) == 0 {
					k.Keys = []policy.PublicKey{policy.PublicKey(base64.StdEncoding.EncodeToString(verdictKey(2).Public().(ed25519.PublicKey)))}
				}
				if r.IntN(3) == 0 {
					k.Policies = []policy.PolicyWord{"release"}
				}
				return k
			})
		}
		var all []said
		var envelopes [][]byte
		for i := range r.IntN(4) {
			s := said{byte(r.IntN(4)), pick(r, digests...), pick(r, "release", "other"), r.IntN(3) == 0, 3*i + r.IntN(3)}
			all, envelopes = append(all, s), append(envelopes, s.sign(t, now))
		}
		e, err := Compile(ps, w)
		if err != nil {
			t.Fatal(err)
		}
		var vs []violation
		for _, p := range ps {
			if k := p.Spec.Controls.ImageAssurance; k != nil && naiveScope(p, &w) {
				if rule := naiveImage(k, &w, all, digests[0]); rule != "" {
					vs = append(vs, violation{policy.ImageAssurance, k.Setting, rule, p})
				}
			}
		}
		want := naiveDecide(vs, facts{proc: &action.Process{}}, &w)
		got, _ := e.Image(envelopes, []string{"sha256:" + digests[0]}, now)
		if got != want {
			t.Fatalf("%+v, want %+v\n%+v", got, want, all)
		}
		counts[got.Rule]++
	}
	for _, rule := range []policy.RuleID{"", "no-verdict", "wrong-key", "other-image", "policy", "too-old", "failed"} {
		if counts[rule] == 0 {
			t.Errorf("%q never came: %v", rule, counts)
		}
	}
}

// TestMisplaced: a group's registries and labels are held against what the
// workload claims, in the group's mode.
func TestMisplaced(t *testing.T) {
	for _, tt := range []struct {
		image  string
		labels map[string]string
		mode   policy.Mode
		want   Decision
	}{
		{"registry.example.com/shop/web:1.4", map[string]string{"team": "shop", "stage": "x"}, policy.Enforce, Decision{}},
		{"registry.example.com/shop/web@sha256:" + strings.Repeat("a", 64), map[string]string{"team": "shop", "stage": "x"}, policy.Enforce, Decision{}},
		{"docker.io/library/nginx:1", map[string]string{"team": "shop", "stage": "x"}, policy.Enforce, Decision{Verdict: Deny, Mode: policy.Enforce, Control: policy.ImageAssurance, Rule: "registry"}},
		{"", nil, policy.Audit, Decision{Verdict: Audit, Mode: policy.Audit, Control: policy.ImageAssurance, Rule: "registry"}},
		{"registry.example.com/a:1", map[string]string{"team": "shop"}, policy.Audit, Decision{Verdict: Audit, Mode: policy.Audit, Control: policy.ImageAssurance, Rule: "label"}},
		{"registry.example.com/a:1", map[string]string{"team": "other", "stage": "x"}, policy.Enforce, Decision{Verdict: Deny, Mode: policy.Enforce, Control: policy.ImageAssurance, Rule: "label"}},
		{"nginx", nil, policy.Off, Decision{}},
	} {
		e, err := Compile(nil, Workload{Image: tt.image, Labels: tt.labels, GroupMode: tt.mode, Registries: []string{"registry.example.com/**"}, Required: map[string]string{"team": "shop", "stage": "*"}})
		if err != nil {
			t.Fatal(err)
		}
		if d, _ := e.Image(nil, nil, time.Time{}); d != tt.want {
			t.Errorf("%s %v: %+v, want %+v", tt.image, tt.labels, d, tt.want)
		}
	}
}
