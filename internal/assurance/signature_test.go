package assurance

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/limpet-security/limpet/internal/cosign"
	"github.com/limpet-security/limpet/internal/finding"
)

// TestSignaturesOfReport: what a scan found attached is verified by the keys of
// the policy, and by no others.
func TestSignaturesOfReport(t *testing.T) {
	key := func(seed byte) (ed25519.PrivateKey, string) {
		k := ed25519.NewKeyFromSeed(append(make([]byte, 31), seed))
		der, err := x509.MarshalPKIXPublicKey(k.Public())
		if err != nil {
			t.Fatal(err)
		}
		return k, base64.StdEncoding.EncodeToString(der)
	}
	private, mine := key(1)
	_, theirs := key(2)
	digest := report().Artifact.Digest
	payload := fmt.Appendf(nil, `{"critical":{"identity":{"docker-reference":"x"},"image":{"docker-manifest-digest":%q},"type":"cosign container image signature"},"optional":null}`, digest)
	item := finding.Signature{Subject: digest, MediaType: cosign.SimpleSigning, Document: payload, Value: base64.StdEncoding.EncodeToString(ed25519.Sign(private, payload))}
	for name, tt := range map[string]struct {
		key   string
		found *finding.Signatures
		want  Result
		notes int
	}{
		"signed":         {mine, &finding.Signatures{Items: []finding.Signature{{Subject: digest, MediaType: "x"}, item}}, Pass, 0},
		"by another":     {theirs, &finding.Signatures{Items: []finding.Signature{item}}, Fail, 0},
		"not at all":     {mine, &finding.Signatures{}, Fail, 0},
		"nobody looked":  {mine, nil, Fail, 1},
		"could not look": {mine, &finding.Signatures{Problem: "the registry is away"}, Fail, 1},
	} {
		r := report()
		r.Signatures = tt.found
		c := parse(t, "controls: {signatures: {mode: block, anyOf: [{key: "+tt.key+"}]}}\n")
		v := Judge([]*Compiled{c}, Subject{Report: r, Now: now})
		if v.Result != tt.want || len(v.Policies[0].NotJudged) != tt.notes {
			t.Errorf("%s: %+v", name, v)
		}
	}
}
