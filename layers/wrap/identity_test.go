package wrap

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/workload"
)

func TestSettle(t *testing.T) {
	now := time.Now()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	make := func(mode policy.Mode, key ed25519.PrivateKey, at time.Time) Identity {
		t.Helper()
		id, err := Local{Mode: mode, OnNoPolicy: workload.NoPolicyAudit, Key: key, Now: at}.Identity()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	served := func(id Identity) Identity { id.Embedded.Gateway = "https://gw:1"; return id }
	for name, tc := range map[string]struct {
		fresh, prior Identity
		ownKey       bool
		kept         bool
	}{
		"throw-away keys, same policy":    {make(policy.Audit, nil, now), make(policy.Audit, nil, now.Add(-time.Hour)), false, true},
		"throw-away keys, another mode":   {make(policy.Enforce, nil, now), make(policy.Audit, nil, now), false, false},
		"the same own key":                {make(policy.Audit, key, now), make(policy.Audit, key, now.Add(-time.Hour)), true, true},
		"own key instead of a throw-away": {make(policy.Audit, key, now), make(policy.Audit, nil, now), true, false},
		"served, the same key":            {served(make(policy.Audit, key, now)), served(make(policy.Audit, key, now.Add(-time.Hour))), false, true},
		"served, another key":             {served(make(policy.Audit, nil, now)), served(make(policy.Audit, nil, now)), false, false},
		"served now, local before":        {served(make(policy.Audit, nil, now)), make(policy.Audit, nil, now), false, false},
		"prior bundle is garbage":         {make(policy.Audit, nil, now), Identity{Bundle: []byte("x")}, false, false},
		"no prior bundle":                 {make(policy.Audit, nil, now), Identity{}, false, false},
	} {
		got := tc.fresh.settle(&tc.prior, tc.ownKey, now)
		if kept := string(got.Bundle) == string(tc.prior.Bundle); kept != tc.kept {
			t.Errorf("%s: kept %v, want %v", name, kept, tc.kept)
		}
		if err := got.validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadSigningKey(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.pem")
	for text, ok := range map[string]bool{
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})):         true,
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})): false,
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})):         false,
		"": false,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadSigningKey(path)
		if (err == nil) != ok || (ok && !got.Equal(key)) {
			t.Errorf("%.30q: %v", text, err)
		}
	}
}
