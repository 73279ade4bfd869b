package wrap

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/limpet-security/limpet/internal/bundle"
	"github.com/limpet-security/limpet/internal/reputation"
	"github.com/limpet-security/limpet/internal/workload"
)

// Identity is what the enforcer of a wrapped image knows at its first start:
// whom to trust, which group it is of, and the policy to begin with. It is
// the same for every platform; Embedded's Source and Original fields are
// filled per image.
type Identity struct {
	Embedded workload.Embedded
	Bundle   []byte // signed by one of Embedded.BundleKeys
}

// validate checks that an enforcer could start with it.
func (id Identity) validate() error {
	switch id.Embedded.OnNoPolicy {
	case workload.NoPolicyAudit, workload.NoPolicyRefuse:
	default:
		return fmt.Errorf("onNoPolicy %.50q: %w", id.Embedded.OnNoPolicy, ErrEmbed)
	}
	if len(id.Bundle) == 0 {
		return nil
	}
	b, err := id.open()
	if err != nil {
		return err
	}
	if b.Tenant != id.Embedded.Tenant || b.Group != id.Embedded.Group {
		return fmt.Errorf("the bundle is for %.100q/%.100q, the identity for %.100q/%.100q: %w", b.Tenant, b.Group, id.Embedded.Tenant, id.Embedded.Group, ErrEmbed)
	}
	return nil
}

func (id Identity) open() (*bundle.Bundle, error) {
	var keys []ed25519.PublicKey
	for _, k := range id.Embedded.BundleKeys {
		raw, err := base64.StdEncoding.DecodeString(k)
		if err != nil || len(raw) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("a bundle key is no Ed25519 public key: %w", ErrEmbed)
		}
		keys = append(keys, raw)
	}
	b, err := bundle.Verify(id.Bundle, keys)
	if err != nil {
		return nil, fmt.Errorf("the bundle cannot be verified: %w", err)
	}
	return b, nil
}

// minRemaining is how long an old bundle must stay valid to be kept.
const minRemaining = 7 * 24 * time.Hour

// settle keeps the prior identity's key and signature when they say the same
// as the new ones, so that wrapping twice changes nothing although a new
// bundle has another time and perhaps a throw-away key. With a control plane
// the trusted keys must be the same ones; a local bundle's key was thrown
// away, or the user names it.
func (id Identity) settle(prior *Identity, ownKey bool, now time.Time) Identity {
	if prior == nil || len(prior.Bundle) == 0 || len(id.Bundle) == 0 {
		return id
	}
	sameKeys := slices.Equal(id.Embedded.BundleKeys, prior.Embedded.BundleKeys)
	throwAway := id.Embedded.Gateway == "" && prior.Embedded.Gateway == "" && !ownKey
	if !sameKeys && !throwAway {
		return id
	}
	fresh, err := id.open()
	if err != nil {
		return id
	}
	old, err := prior.open()
	if err != nil || !sameBundle(fresh, old) {
		return id
	}
	if !old.Expires.IsZero() && old.Expires.Sub(now) < minRemaining {
		return id
	}
	id.Embedded.BundleKeys = prior.Embedded.BundleKeys
	id.Bundle = prior.Bundle
	return id
}

// sameBundle compares everything but the times.
func sameBundle(a, b *bundle.Bundle) bool {
	if a.Format != b.Format || a.Tenant != b.Tenant || a.Group != b.Group || a.Epoch != b.Epoch ||
		a.Number != b.Number || a.GroupMode != b.GroupMode || a.Expires.IsZero() != b.Expires.IsZero() ||
		!slices.EqualFunc(a.VerdictKeys, b.VerdictKeys, func(x, y ed25519.PublicKey) bool { return x.Equal(y) }) || !slices.Equal(a.Registries, b.Registries) || !maps.Equal(a.Required, b.Required) ||
		!slices.Equal(a.Revoked, b.Revoked) || !slices.EqualFunc(a.Lists, b.Lists, (*reputation.List).Equal) || len(a.Policies) != len(b.Policies) {
		return false
	}
	for i := range a.Policies {
		x, errX := encode(a.Policies[i])
		y, errY := encode(b.Policies[i])
		if errX != nil || errY != nil || !bytes.Equal(x, y) {
			return false
		}
	}
	return true
}

// embedded fills what is particular to one image.
func (id Identity) embedded(src sourceFacts, c *config) workload.Embedded {
	e := id.Embedded
	e.Version = 1
	e.Labels = maps.Clone(e.Labels)
	e.SourceImage = src.name
	e.SourceDigest = src.digest
	e.SourceID = src.id
	e.OriginalEntrypoint = bareEntrypoint(c.Entrypoint)
	if c.Health != nil {
		e.HealthCheck = healthCommand(c.Health.Test, c.Shell)
	}
	return e
}

// admits refuses an image that the group's bundle revokes: its enforcer would not
// let it start.
func (id Identity) admits(src sourceFacts) error {
	if len(id.Bundle) == 0 {
		return nil
	}
	b, err := id.open()
	if err != nil {
		return err
	}
	if b.Revokes(src.digest, src.id) {
		return fmt.Errorf("the image %s is revoked in group %q: %w", orDigest(src), b.Group, ErrRevoked)
	}
	return nil
}

func orDigest(src sourceFacts) string {
	if src.digest != "" {
		return src.digest
	}
	return src.id
}

// sourceFacts is what is known of the image that was wrapped.
type sourceFacts struct {
	name   string // as people call it
	digest string // manifest digest, "" when it has none
	id     string // configuration digest
}
