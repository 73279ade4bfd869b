package attest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func key(t testing.TB, seed byte) ed25519.PrivateKey {
	t.Helper()
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

func statement() Statement {
	return Statement{
		Subject:       []Subject{{Name: "web", Digest: map[string]string{"sha256": strings.Repeat("a", 64)}}},
		PredicateType: "https://limpet.dev/attestation/assurance/v1", Predicate: json.RawMessage(`{"result":"pass"}`),
	}
}

// TestPreAuth holds the encoding against the example of the DSSE specification.
func TestPreAuth(t *testing.T) {
	if got, want := string(preAuth("http://example.com/HelloWorld", []byte("hello world"))), "DSSEv1 29 http://example.com/HelloWorld 11 hello world"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSignAndVerify(t *testing.T) {
	a, b := key(t, 1), key(t, 2)
	data, err := Sign(statement(), a)
	if err != nil {
		t.Fatal(err)
	}
	s, id, err := Verify(data, []ed25519.PublicKey{public(b), public(a)})
	if err != nil || id != KeyID(public(a)) {
		t.Fatalf("key %q, error %v", id, err)
	}
	if !s.About("sha256:"+strings.Repeat("a", 64)) || s.About("sha256:"+strings.Repeat("b", 64)) || s.About("sha256:") || string(s.Predicate) != `{"result":"pass"}` {
		t.Errorf("got %+v", s)
	}
	if _, _, err := Verify(data, []ed25519.PublicKey{public(b)}); !errors.Is(err, ErrUntrusted) {
		t.Errorf("another key: %v", err)
	}
	if _, _, err := Verify(data, nil); !errors.Is(err, ErrUntrusted) {
		t.Errorf("no key: %v", err)
	}
}

// TestEveryChangeIsRefused changes each byte of an envelope.
func TestEveryChangeIsRefused(t *testing.T) {
	k := key(t, 1)
	data, err := Sign(statement(), k)
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := Verify(data, []ed25519.PublicKey{public(k)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		for _, bit := range []byte{1, 0x20} {
			bad := bytes.Clone(data)
			bad[i] ^= bit
			if s, _, err := Verify(bad, []ed25519.PublicKey{public(k)}); err == nil {
				got, _ := json.Marshal(s)
				if was, _ := json.Marshal(want); !bytes.Equal(got, was) { // the key identifier is a hint, and keys of JSON ignore case
					t.Fatalf("byte %d: another statement: %s", i, got)
				}
			}
		}
	}
}

func TestSignRefuses(t *testing.T) {
	for name, s := range map[string]Statement{
		"no subject":   {PredicateType: "x"},
		"no digest":    {PredicateType: "x", Subject: []Subject{{Name: "x"}}},
		"no predicate": {Subject: []Subject{{Digest: map[string]string{"sha256": "x"}}}},
	} {
		if _, err := Sign(s, key(t, 1)); err == nil {
			t.Errorf("%s was signed", name)
		}
	}
	if _, err := Sign(statement(), nil); err == nil {
		t.Error("signed without a key")
	}
}

func FuzzVerify(f *testing.F) {
	k := key(f, 1)
	data, err := Sign(statement(), k)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"payloadType":"application/vnd.in-toto+json","payload":"","signatures":[{"sig":""}]}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, _, err := Verify(data, []ed25519.PublicKey{public(k)}); err == nil && !s.About("sha256:"+strings.Repeat("a", 64)) {
			t.Fatalf("verified another statement: %+v", s)
		}
	})
}
