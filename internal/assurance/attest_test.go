package assurance

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/attest"
)

func TestSignedVerdict(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	keys := []ed25519.PublicKey{key.Public().(ed25519.PublicKey)}
	policies := []*Compiled{Default()}
	s := Subject{Report: report(), Reference: "registry.example.com/shop/web:1.4", Now: now, Numbers: map[string]int64{"default": 3}}
	v := Judge(policies, s)
	data, err := Sign(v, s, now.AddDate(0, 0, 7), key)
	if err != nil {
		t.Fatal(err)
	}
	demand := attest.Demand{Keys: keys, Policies: []string{"default@3"}}
	for _, digest := range []string{s.Report.Artifact.Digest, s.Report.Artifact.ID} {
		got, fault := demand.Check([][]byte{data}, []string{digest}, now)
		if fault != attest.Failed || got.Result != string(Fail) || len(got.Policies) != 1 || !got.ExpiresAt.After(got.JudgedAt) {
			t.Errorf("%s: %q, %+v", digest, fault, got)
		}
	}
	st, _, err := attest.Verify(data, keys)
	if err != nil {
		t.Fatal(err)
	}
	var said Statement
	if err := json.Unmarshal(st.Predicate, &said); err != nil || said.Policies[0].Digest == "" || len(said.Policies[0].Violated) == 0 {
		t.Errorf("%+v, %v", said, err)
	}
	if _, fault := demand.Check([][]byte{data}, []string{"sha256:" + strings.Repeat("0", 64)}, now); fault != attest.OtherImage {
		t.Errorf("a verdict about one image was taken for another's: %q", fault)
	}
	s.Report.Artifact.Digest, s.Report.Artifact.ID = "", ""
	if _, err := Sign(v, s, now, key); !errors.Is(err, ErrNoDigest) {
		t.Errorf("no digest: %v", err)
	}
}
