package wrap

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/bundle"
	"github.com/limpet-security/limpet/internal/policy"
)

// TestWrapRevoked holds that an image is not wrapped whose enforcer would refuse
// to start it, and that others are.
func TestWrapRevoked(t *testing.T) {
	host := registryHost(t)
	src := ref(host, "app:1")
	digest := push(t, src, sample(t, "amd64", true, theConfig)).String()
	o := options(t, src, ref(host, "app:1-limpet"))
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	o.Identity.Embedded.BundleKeys = []string{base64.StdEncoding.EncodeToString(pub)}
	for revoked, want := range map[string]error{digest: ErrRevoked, "sha256:other": nil} {
		o.Identity.Bundle, err = bundle.Sign(&bundle.Bundle{Tenant: LocalTenant, Group: LocalGroup, Epoch: 1, Number: 1, IssuedAt: time.Now(),
			GroupMode: policy.Audit, Revoked: []string{revoked}}, key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Run(context.Background(), o); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", revoked, err, want)
		}
	}
}
