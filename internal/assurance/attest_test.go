package assurance

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
)

func TestSignedVerdict(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	keys := []ed25519.PublicKey{key.Public().(ed25519.PublicKey)}
	policies := []*Compiled{Default()}
	s := Subject{Report: report(), Reference: "registry.example.com/shop/web:1.4", Now: now}
	v := Judge(policies, s)
	data, err := Sign(v, policies, s, now.AddDate(0, 0, 7), key)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Verify(data, s.Report.Artifact.Digest, keys)
	if err != nil {
		t.Fatal(err)
	}
	if got.Result != Fail || len(got.Policies) != 1 || got.Policies[0].Digest == "" || len(got.Policies[0].Violated) == 0 || !got.ExpiresAt.After(got.JudgedAt) {
		t.Errorf("got %+v", got)
	}
	if _, err := Verify(data, "sha256:"+strings.Repeat("b", 64), keys); err == nil {
		t.Error("a verdict about one image was taken for another's")
	}
	s.Report.Artifact.Digest = ""
	if _, err := Sign(v, policies, s, now, key); !errors.Is(err, ErrNoDigest) {
		t.Errorf("no digest: %v", err)
	}
}
