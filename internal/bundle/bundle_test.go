package bundle

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/policy"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func key(seed string) (ed25519.PrivateKey, ed25519.PublicKey) {
	sum := sha256.Sum256([]byte(seed))
	k := ed25519.NewKeyFromSeed(sum[:])
	return k, k.Public().(ed25519.PublicKey)
}

func good() *Bundle {
	return &Bundle{Format: Format, Tenant: "default", Group: "web", Epoch: 1, Number: 7, IssuedAt: now, Expires: now.Add(24 * time.Hour),
		GroupMode: policy.Enforce, Policies: []*policy.RuntimePolicy{policy.Default()}, Revoked: []string{"sha256:00"}}
}

func signed1(t testing.TB, change func(*Bundle)) []byte {
	t.Helper()
	k, _ := key("one")
	b := good()
	if change != nil {
		change(b)
	}
	data, err := Sign(b, k)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSignAndVerify(t *testing.T) {
	_, pub := key("one")
	_, other := key("two")
	data := signed1(t, nil)
	for name, keys := range map[string][]ed25519.PublicKey{"alone": {pub}, "first": {pub, other}, "last": {other, pub}, "with a short one": {nil, pub}} {
		got, err := Verify(data, keys)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(good(), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, keys := range map[string][]ed25519.PublicKey{"no key": nil, "another key": {other}, "a short key": {pub[:31]}} {
		if _, err := Verify(data, keys); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryChangeBreaksTheSignature(t *testing.T) {
	_, pub := key("one")
	data := signed1(t, func(b *Bundle) { b.Policies, b.Revoked = nil, nil })
	want, err := Verify(data, []ed25519.PublicKey{pub})
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		for _, bit := range []byte{0x01, 0x20} { // 0x20 changes the case of a letter
			bad := bytes.Clone(data)
			bad[i] ^= bit
			got, err := Verify(bad, []ed25519.PublicKey{pub})
			if err != nil {
				continue
			}
			if diff := cmp.Diff(want, got); diff != "" { // a JSON key in another case is the same key
				t.Fatalf("byte %d: another bundle is accepted:\n%s", i, diff)
			}
		}
	}
	// A signature made for something else says nothing about a bundle.
	k, _ := key("one")
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"bare payload": e.Payload, "freshness": freshText(make([]byte, 16), e.Payload)} {
		e.Signature = ed25519.Sign(k, text)
		bad, _ := json.Marshal(e)
		if _, err := Verify(bad, []ed25519.PublicKey{pub}); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	_, pub := key("one")
	data := string(signed1(t, nil))
	for name, tt := range map[string]struct {
		data string
		want error
	}{
		"empty":         {"", ErrMalformed},
		"not JSON":      {"hello", ErrMalformed},
		"array":         {"[]", ErrMalformed},
		"nothing in it": {"{}", ErrMalformed},
		"two":           {data + data, ErrMalformed},
		"newer format":  {strings.Replace(data, `"format":1`, `"format":2`, 1), ErrFormat},
		"format 0":      {strings.Replace(data, `"format":1`, `"format":0`, 1), ErrMalformed},
		"huge":          {strings.Repeat(" ", MaxBytes+1), ErrMalformed},
	} {
		if _, err := Verify([]byte(tt.data), []ed25519.PublicKey{pub}); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSignRefuses(t *testing.T) {
	k, _ := key("one")
	for name, change := range map[string]func(*Bundle){
		"no tenant":    func(b *Bundle) { b.Tenant = "" },
		"no group":     func(b *Bundle) { b.Group = "" },
		"number 0":     func(b *Bundle) { b.Number = 0 },
		"no time":      func(b *Bundle) { b.IssuedAt = time.Time{} },
		"born expired": func(b *Bundle) { b.Expires = b.IssuedAt },
		"mode":         func(b *Bundle) { b.GroupMode = "" },
		"newer format": func(b *Bundle) { b.Format = 2 },
		"nil policy":   func(b *Bundle) { b.Policies = append(b.Policies, nil) },
		"wrong policy": func(b *Bundle) { b.Policies = []*policy.RuntimePolicy{{}} },
		"many policies": func(b *Bundle) {
			b.Policies = make([]*policy.RuntimePolicy, 0)
			for range MaxPolicies + 1 {
				b.Policies = append(b.Policies, policy.Default())
			}
		},
		"empty revoked": func(b *Bundle) { b.Revoked = []string{""} },
	} {
		b := good()
		change(b)
		if _, err := Sign(b, k); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
	if _, err := Sign(good(), nil); err == nil {
		t.Error("signed without a key")
	}
}

// TestNewerBundle holds what this version makes of what a newer control plane
// signs: it takes what it knows and reports the rest.
func TestNewerBundle(t *testing.T) {
	k, pub := key("one")
	payload := []byte(`{"tenant":"default","group":"web","epoch":1,"number":8,"issuedAt":"2026-11-22T12:00:00Z","groupMode":"enforce","laterKey":1,"policies":[
		{"apiVersion":"limpet.dev/v1","kind":"RuntimePolicy","metadata":{"name":"p"},"spec":{"controls":{"drift":{"mode":"enforce","later":true},"quantum":{"mode":"enforce"}}}}]}`)
	e := envelope{Format: Format, KeyID: KeyID(pub), Payload: payload, Signature: ed25519.Sign(k, signed(Format, payload))}
	data, _ := json.Marshal(e)
	b, err := Verify(data, []ed25519.PublicKey{pub})
	if err != nil {
		t.Fatal(err)
	}
	want := []Unknown{{"", "laterKey"}, {"p", "spec.controls.drift.later"}, {"p", "spec.controls.quantum"}}
	if diff := cmp.Diff(want, b.Unknown); diff != "" {
		t.Errorf("unknown (-want +got):\n%s", diff)
	}
	if b.Unknown[1].Control() != policy.Drift || b.Unknown[2].Control() != "quantum" || b.Unknown[0].Control() != "" {
		t.Error("controls of what is unknown")
	}
	if b.Policies[0].Spec.Controls.Drift == nil {
		t.Error("what is known is lost")
	}
}

func TestFresh(t *testing.T) {
	k, pub := key("one")
	_, other := key("two")
	nonce := bytes.Repeat([]byte{7}, 16)
	data := signed1(t, nil)
	sig := Fresh(nonce, data, k)
	if err := VerifyFresh(nonce, data, sig, []ed25519.PublicKey{other, pub}); err != nil {
		t.Error(err)
	}
	empty := Fresh(nonce, nil, k)
	if err := VerifyFresh(nonce, nil, empty, []ed25519.PublicKey{pub}); err != nil {
		t.Errorf("nothing newer: %v", err)
	}
	for name, err := range map[string]error{
		"other nonce":    VerifyFresh(bytes.Repeat([]byte{8}, 16), data, sig, []ed25519.PublicKey{pub}),
		"other bundle":   VerifyFresh(nonce, data[1:], sig, []ed25519.PublicKey{pub}),
		"no bundle":      VerifyFresh(nonce, nil, sig, []ed25519.PublicKey{pub}),
		"other key":      VerifyFresh(nonce, data, sig, []ed25519.PublicKey{other}),
		"short nonce":    VerifyFresh(nonce[:8], data, Fresh(nonce[:8], data, k), []ed25519.PublicKey{pub}),
		"no signature":   VerifyFresh(nonce, data, nil, []ed25519.PublicKey{pub}),
		"moved boundary": VerifyFresh(append(nonce, 1), data, sig, []ed25519.PublicKey{pub}),
	} {
		if !errors.Is(err, ErrNotFresh) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzVerify fuzzes the envelope, and the payload behind a right signature.
func FuzzVerify(f *testing.F) {
	k, pub := key("one")
	data := signed1(f, nil)
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		f.Fatal(err)
	}
	f.Add(data, false)
	f.Add(e.Payload, true)
	f.Add([]byte(`{"tenant":"a","group":"b","number":1,"issuedAt":"2026-11-22T12:00:00Z","groupMode":"off","policies":[{}]}`), true)
	f.Add([]byte(`{"format":1,"keyId":"","payload":"","signature":""}`), false)
	f.Fuzz(func(t *testing.T, data []byte, sign bool) {
		if sign {
			data, _ = json.Marshal(envelope{Format: Format, KeyID: KeyID(pub), Payload: data, Signature: ed25519.Sign(k, signed(Format, data))})
		}
		b, err := Verify(data, []ed25519.PublicKey{pub})
		if err != nil {
			return
		}
		if b.Tenant == "" || b.Number == 0 || len(b.Policies) > MaxPolicies {
			t.Fatalf("%+v", b)
		}
		if len(b.Unknown) == 0 {
			if _, err := Sign(b, k); err != nil {
				t.Fatalf("cannot be signed again: %v", err)
			}
		}
	})
}
