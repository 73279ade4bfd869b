package publish

import (
	"context"
	"crypto/ed25519"
	"fmt"

	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/tenant"
)

// VerdictKey gives the key that signs a tenant's verdicts about images.
func (p *Publisher) VerdictKey(ctx context.Context, t tenant.ID) (ed25519.PrivateKey, error) {
	if err := p.Prepare(ctx, t); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.verdict[t], nil
}

// trusted gives the keys whose verdicts a bundle tells enforcers to believe; none
// where no policy asks for verdicts, so that older enforcers have nothing to
// report as unknown.
func (p *Publisher) trusted(t tenant.ID, policies []*policy.RuntimePolicy) ([]ed25519.PublicKey, error) {
	asked := false
	for _, rp := range policies {
		asked = asked || rp.Spec.Controls.ImageAssurance != nil
	}
	if !asked {
		return nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key, ok := p.verdict[t]
	if !ok {
		return nil, fmt.Errorf("cannot sign for tenant %q: its key has not been prepared", t)
	}
	return []ed25519.PublicKey{key.Public().(ed25519.PublicKey)}, nil
}
