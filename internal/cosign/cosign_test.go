package cosign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/attest"
)

var (
	web   = "sha256:" + strings.Repeat("a", 64)
	other = "sha256:" + strings.Repeat("b", 64)
)

// signer makes signatures as cosign's documents say, with the standard library.
type signer struct {
	key  *Key
	text string
	sign func(message []byte) []byte
}

func newSigner(t testing.TB, private crypto.Signer) signer {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	s := signer{text: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}
	if s.key, err = ParseKey(s.text); err != nil {
		t.Fatal(err)
	}
	s.sign = func(message []byte) []byte {
		hash, digest := crypto.SHA256, sha256.Sum256(message)
		in := digest[:]
		if _, ok := private.(ed25519.PrivateKey); ok {
			hash, in = 0, message
		}
		sig, err := private.Sign(rand.Reader, in, hash)
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	return s
}

func signers(t testing.TB) map[string]signer {
	t.Helper()
	ec, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, ed, err2 := ed25519.GenerateKey(rand.Reader)
	rs, err3 := rsa.GenerateKey(rand.Reader, 2048)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	return map[string]signer{"ECDSA P-256": newSigner(t, ec), "Ed25519": newSigner(t, ed), "RSA": newSigner(t, rs)}
}

func simplePayload(digest string) []byte {
	return fmt.Appendf(nil, `{"critical":{"identity":{"docker-reference":"registry.example.com/shop/web"},"image":{"docker-manifest-digest":%q},"type":"cosign container image signature"},"optional":null}`, digest)
}

func (s signer) envelope(t testing.TB, digest, predicate string) []byte {
	t.Helper()
	payload, err := json.Marshal(attest.Statement{Type: attest.StatementType, PredicateType: predicate, Predicate: json.RawMessage("{}"),
		Subject: []attest.Subject{{Digest: map[string]string{"sha256": strings.TrimPrefix(digest, "sha256:")}}}})
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("DSSEv1 %d %s %d %s", len(attest.PayloadType), attest.PayloadType, len(payload), payload)
	b, err := json.Marshal(map[string]any{"payloadType": attest.PayloadType, "payload": payload, "signatures": []map[string]any{{"sig": s.sign([]byte(text))}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSigned(t *testing.T) {
	all := signers(t)
	for name, s := range all {
		t.Run(name, func(t *testing.T) {
			payload := simplePayload(web)
			good := base64.StdEncoding.EncodeToString(s.sign(payload))
			foreign := base64.StdEncoding.EncodeToString(newSigner(t, func() crypto.Signer { _, k, _ := ed25519.GenerateKey(rand.Reader); return k }()).sign(payload))
			signed := s.envelope(t, web, SignPredicate)
			bundle := fmt.Appendf(nil, `{"mediaType":%q,"verificationMaterial":{"publicKey":{"hint":"x"}},"dsseEnvelope":%s}`, Bundle, signed)
			for _, tt := range []struct {
				what, digest, mediaType string
				document                []byte
				annotation              string
				want                    bool
			}{
				{"simple", web, SimpleSigning, payload, good, true},
				{"simple, broken over lines", web, SimpleSigning, payload, good[:10] + "\n" + good[10:] + "\n", true},
				{"simple, of another image", other, SimpleSigning, payload, good, false},
				{"simple, changed", web, SimpleSigning, []byte(strings.Replace(string(payload), "null", "true", 1)), good, false},
				{"simple, another key", web, SimpleSigning, payload, foreign, false},
				{"simple, unsigned", web, SimpleSigning, payload, "", false},
				{"simple, too large", web, SimpleSigning, make([]byte, MaxPayload+1), good, false},
				{"DSSE", web, attest.EnvelopeType, signed, "", true},
				{"DSSE, of another image", other, attest.EnvelopeType, signed, "", false},
				{"DSSE, of another kind", web, attest.EnvelopeType, s.envelope(t, web, "https://spdx.dev/Document"), "", false},
				{"bundle", web, Bundle, bundle, "", true},
				{"bundle, of another image", other, Bundle, bundle, "", false},
				{"unknown", web, "text/plain", payload, good, false},
				{"no digest", "", SimpleSigning, simplePayload(""), base64.StdEncoding.EncodeToString(s.sign(simplePayload(""))), false},
			} {
				if got := s.key.Signed(tt.digest, tt.mediaType, tt.document, tt.annotation); got != tt.want {
					t.Errorf("%s: %v", tt.what, got)
				}
			}
			for other, o := range all {
				if other != name && o.key.Signed(web, SimpleSigning, payload, good) {
					t.Errorf("%s has signed for %s", other, name)
				}
			}
			// A payload that is signed, but is of another type of simple signing.
			atomic := []byte(strings.Replace(string(payload), "cosign container", "atomic container", 1))
			if s.key.Signed(web, SimpleSigning, atomic, base64.StdEncoding.EncodeToString(s.sign(atomic))) {
				t.Error("another tool's payload")
			}
		})
	}
}

func TestParseKey(t *testing.T) {
	s := signers(t)["ECDSA P-256"]
	block, _ := pem.Decode([]byte(s.text))
	if k, err := ParseKey(base64.StdEncoding.EncodeToString(block.Bytes)); err != nil || k.ID != s.key.ID {
		t.Errorf("%v, %v", k, err)
	}
	small, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(small.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "k1", "AAAA", base64.StdEncoding.EncodeToString(der), strings.Replace(s.text, "PUBLIC", "PRIVATE", 2)} {
		if k, err := ParseKey(text); err == nil {
			t.Errorf("%.40q: %+v", text, k)
		}
	}
}

func FuzzSigned(f *testing.F) {
	s := signers(f)["Ed25519"]
	f.Add(SimpleSigning, simplePayload(web), "AA==")
	f.Add(attest.EnvelopeType, s.envelope(f, other, SignPredicate), "")
	f.Add(Bundle, []byte(`{"dsseEnvelope":{}}`), "")
	f.Fuzz(func(t *testing.T, mediaType string, document []byte, annotation string) {
		if s.key.Signed(web, mediaType, document, annotation) {
			t.Fatal("nobody has signed this")
		}
	})
}
