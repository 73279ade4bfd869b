package wrap

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/limpet-security/limpet/internal/bundle"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/workload"
)

// LocalGroup and LocalTenant name the group of images that were wrapped
// without a control plane.
const (
	LocalTenant = "local"
	LocalGroup  = "local"
)

const maxKeyBytes = 64 << 10

// Local describes an identity that needs no control plane.
type Local struct {
	Policies   []*policy.RuntimePolicy // none: policy.Default()
	Mode       policy.Mode             // Audit or Enforce, of the whole group
	OnNoPolicy string
	Labels     map[string]string
	Key        ed25519.PrivateKey // nil: made now, used once and forgotten
	Now        time.Time
}

// Identity signs the policies into a bundle that never expires: nobody could
// renew it.
func (l Local) Identity() (Identity, error) {
	if l.Mode != policy.Audit && l.Mode != policy.Enforce {
		return Identity{}, fmt.Errorf("cannot use mode %q: want audit or enforce", l.Mode)
	}
	policies := l.Policies
	if len(policies) == 0 {
		policies = []*policy.RuntimePolicy{policy.Default()}
	}
	key := l.Key
	if key == nil {
		var err error
		if _, key, err = ed25519.GenerateKey(rand.Reader); err != nil {
			return Identity{}, fmt.Errorf("cannot make a signing key: %w", err)
		}
	}
	signed, err := bundle.Sign(&bundle.Bundle{
		Tenant: LocalTenant, Group: LocalGroup, Epoch: 1, Number: 1,
		IssuedAt: l.Now.UTC().Truncate(time.Second), GroupMode: l.Mode, Policies: policies,
	}, key)
	if err != nil {
		return Identity{}, fmt.Errorf("cannot sign the bundle: %w", err)
	}
	id := Identity{
		Embedded: workload.Embedded{
			BundleKeys: []string{base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))},
			Tenant:     LocalTenant, Group: LocalGroup,
			OnNoPolicy: l.OnNoPolicy, Labels: l.Labels,
		},
		Bundle: signed,
	}
	return id, id.validate()
}

// ReadSigningKey reads an Ed25519 private key in PKCS #8 PEM, as
// `openssl genpkey -algorithm ed25519` writes it.
func ReadSigningKey(path string) (ed25519.PrivateKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the signing key: %w", err)
	}
	if info.Size() > maxKeyBytes {
		return nil, fmt.Errorf("cannot read the signing key: %s has %d bytes", path, info.Size())
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the signing key: %w", err)
	}
	block, _ := pem.Decode(raw)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("cannot read the signing key: %s holds no PEM block PRIVATE KEY", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("cannot read the signing key: not PKCS #8") // the cause may quote the key
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("cannot read the signing key: %s holds no Ed25519 key", path)
	}
	return key, nil
}
