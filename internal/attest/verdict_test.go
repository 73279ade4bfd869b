package attest

import (
	"crypto/ed25519"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

var (
	today = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	web   = "sha256:" + strings.Repeat("a", 64)
	other = "sha256:" + strings.Repeat("b", 64)
)

// signed gives a verdict about an image; change may alter the predicate.
func signed(t testing.TB, seed byte, digest string, change func(map[string]any)) []byte {
	t.Helper()
	p := map[string]any{"result": "pass", "policies": []map[string]any{{"name": "release", "number": 7}},
		"judgedAt": today.AddDate(0, 0, -1), "expiresAt": today.AddDate(0, 0, 1)}
	if change != nil {
		change(p)
	}
	predicate, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	data, err := Sign(Statement{Subject: []Subject{{Digest: map[string]string{"sha256": strings.TrimPrefix(digest, "sha256:")}}}, PredicateType: VerdictType, Predicate: predicate}, key(t, seed))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func set(k string, v any) func(map[string]any) { return func(p map[string]any) { p[k] = v } }

func TestCheck(t *testing.T) {
	good := signed(t, 1, web, nil)
	note, err := Sign(statement(), key(t, 1)) // a verdict type without a time
	if err != nil {
		t.Fatal(err)
	}
	release := []string{"release@7"}
	for name, tt := range map[string]struct {
		have     [][]byte
		policies []string
		maxAge   time.Duration
		want     Fault
	}{
		"good":                        {have: [][]byte{good}, policies: release, maxAge: 48 * time.Hour},
		"nothing":                     {want: NoVerdict},
		"garbage":                     {have: [][]byte{[]byte("{}"), []byte("x")}, want: Malformed},
		"without a time":              {have: [][]byte{note}, want: Malformed},
		"another key":                 {have: [][]byte{signed(t, 3, web, nil)}, want: WrongKey},
		"another image":               {have: [][]byte{signed(t, 1, other, nil)}, want: OtherImage},
		"another policy":              {have: [][]byte{good}, policies: []string{"strict"}, want: OtherRules},
		"an older version of it":      {have: [][]byte{good}, policies: []string{"release@8"}, want: OtherRules},
		"any version of it":           {have: [][]byte{good}, policies: []string{"release"}},
		"expired":                     {have: [][]byte{signed(t, 1, web, set("expiresAt", today))}, want: Expired},
		"never expires":               {have: [][]byte{signed(t, 1, web, set("expiresAt", time.Time{}))}},
		"played again":                {have: [][]byte{good}, maxAge: 23 * time.Hour, want: TooOld},
		"from the future":             {have: [][]byte{signed(t, 1, web, set("judgedAt", today.Add(2*time.Hour)))}, want: Early},
		"failed":                      {have: [][]byte{signed(t, 1, web, set("result", "fail"))}, want: Failed},
		"warned":                      {have: [][]byte{signed(t, 1, web, set("result", "warn"))}},
		"a result that nobody knows":  {have: [][]byte{signed(t, 1, web, set("result", ""))}, want: Failed},
		"today's failure counts":      {have: [][]byte{good, signed(t, 2, web, func(p map[string]any) { p["result"], p["judgedAt"] = "fail", today })}, want: Failed},
		"yesterday's failure doesn't": {have: [][]byte{signed(t, 1, web, func(p map[string]any) { p["result"], p["judgedAt"] = "fail", today.AddDate(0, 0, -3) }), good}},
		"noise beside it":             {have: [][]byte{[]byte("x"), signed(t, 3, web, set("result", "fail")), good, signed(t, 1, other, nil)}},
		"what is nearest is named":    {have: [][]byte{[]byte("x"), signed(t, 1, other, nil), signed(t, 3, web, nil)}, want: OtherImage},
	} {
		d := Demand{Keys: []ed25519.PublicKey{public(key(t, 1)), public(key(t, 2))}, Policies: tt.policies, MaxAge: tt.maxAge}
		v, fault := d.Check(tt.have, []string{"", web}, today)
		if fault != tt.want {
			t.Errorf("%s: %q, want %q (%+v)", name, fault, tt.want, v)
		}
		if fault == "" && v.Signer != KeyID(d.Keys[0]) {
			t.Errorf("%s: signed by %q", name, v.Signer)
		}
	}
}

// TestJoin: several verdicts travel in one file, however they were written.
func TestJoin(t *testing.T) {
	a, b := signed(t, 1, web, nil), signed(t, 2, web, nil)
	wide := []byte(strings.ReplaceAll(string(b), ",", ",\n  "))
	file, err := Join([][]byte{a, wide})
	if err != nil {
		t.Fatal(err)
	}
	got := Split(append([]byte("\n"), file...))
	if len(got) != 2 || string(got[0]) != string(a) || string(got[1]) != string(b) {
		t.Errorf("got %q", got)
	}
	for name, bad := range map[string][][]byte{"no JSON": {[]byte("{")}, "too many": make([][]byte, MaxVerdicts+1), "too large": {[]byte(`"` + strings.Repeat("x", MaxBytes) + `"`)}} {
		if _, err := Join(bad); err == nil {
			t.Errorf("%s was joined", name)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(signed(f, 1, web, nil))
	f.Add([]byte("{}\n{}\n"))
	d := Demand{Keys: []ed25519.PublicKey{public(key(f, 1))}}
	f.Fuzz(func(t *testing.T, data []byte) {
		if v, fault := d.Check(Split(data), []string{web}, today); fault == "" && (v == nil || v.Result == "fail") {
			t.Fatalf("%+v", v)
		}
	})
}
