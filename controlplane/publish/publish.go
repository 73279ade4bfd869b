package publish

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/bundle"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/reputation"
	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/internal/wire"
)

// Life is how long a bundle is good. An image that was wrapped with it may be
// started for so long without reaching the control plane first.
const Life = 365 * 24 * time.Hour

// RenewBefore is how long before its end a bundle is made anew.
const RenewBefore = Life / 2

// ErrTooLarge reports policies that do not fit into one bundle.
var ErrTooLarge = errors.New("the group's policies do not fit into one bundle")

// Keys gives the keys that sign a tenant's bundles, and its verdicts about
// images (package authority).
type Keys interface {
	BundleKey(ctx context.Context, tenant string) (ed25519.PrivateKey, error)
	VerdictKey(ctx context.Context, tenant string) (ed25519.PrivateKey, error)
}

// Publisher makes bundles and wakes who waits for them. It is safe for
// concurrent use.
type Publisher struct {
	store *store.Store
	keys  Keys
	wait  waiters

	mu      sync.Mutex
	signing map[tenant.ID]ed25519.PrivateKey // guarded by mu
	verdict map[tenant.ID]ed25519.PrivateKey // guarded by mu
}

// New makes a publisher.
func New(st *store.Store, keys Keys) *Publisher {
	return &Publisher{store: st, keys: keys, signing: map[tenant.ID]ed25519.PrivateKey{}, verdict: map[tenant.ID]ed25519.PrivateKey{}}
}

// Prepare opens the tenant's signing key, or makes it. It must have been
// called before Stage, which runs inside a transaction and cannot write the
// key itself: SQLite has one writer.
func (p *Publisher) Prepare(ctx context.Context, t tenant.ID) error {
	p.mu.Lock()
	_, ok := p.signing[t]
	p.mu.Unlock()
	if ok {
		return nil
	}
	key, err := p.keys.BundleKey(ctx, string(t))
	if err != nil {
		return err
	}
	verdict, err := p.keys.VerdictKey(ctx, string(t))
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.signing[t], p.verdict[t] = key, verdict
	p.mu.Unlock()
	return nil
}

// Key gives the tenant's signing key, once prepared.
func (p *Publisher) Key(t tenant.ID) (ed25519.PrivateKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key, ok := p.signing[t]
	if !ok {
		return nil, fmt.Errorf("cannot sign for tenant %q: its key has not been prepared", t)
	}
	return key, nil
}

// Policies reads a group's policies as enforcers are to hold them at a time:
// enforceAfterDays is gone from those whose days have passed.
func Policies(ctx context.Context, r store.Reader, t tenant.ID, group string, now time.Time) ([]*policy.RuntimePolicy, error) {
	rows, assigned, err := r.PoliciesOfGroup(ctx, t, group)
	if err != nil {
		return nil, err
	}
	out := make([]*policy.RuntimePolicy, len(rows))
	for i, row := range rows {
		if out[i], err = policy.Parse([]byte(row.Document)); err != nil {
			return nil, fmt.Errorf("cannot read policy %q: %w", row.Name, err)
		}
		days := time.Duration(out[i].Spec.EnforceAfterDays) * 24 * time.Hour
		if days > 0 && !now.Before(assigned[i].Add(days)) {
			out[i].Spec.EnforceAfterDays = 0
		}
	}
	return out, nil
}

// Stage makes the next bundle of a group inside a transaction. If nothing in
// it would differ from the newest one, it makes none.
func (p *Publisher) Stage(ctx context.Context, tx *store.Tx, t tenant.ID, group string) error {
	_, err := p.stage(ctx, tx, t, group, time.Now())
	return err
}

func (p *Publisher) stage(ctx context.Context, tx *store.Tx, t tenant.ID, group string, now time.Time) (bool, error) {
	// Two changes of one group at once must not number alike, and the second
	// must see what the first has changed.
	if err := tx.Lock(ctx, t, "bundle of "+group); err != nil {
		return false, err
	}
	g, err := tx.Group(ctx, t, group)
	if err != nil {
		return false, err
	}
	policies, err := Policies(ctx, tx.Reader, t, group, now)
	if err != nil {
		return false, err
	}
	lists, err := Lists(ctx, tx.Reader, t, policies)
	if err != nil {
		return false, err
	}
	revoked, err := tx.RevokedDigests(ctx, t, group)
	if err != nil {
		return false, err
	}
	trusted, err := p.trusted(t, policies)
	if err != nil {
		return false, err
	}
	digest, err := contents(g, policies, lists, revoked, trusted)
	if err != nil {
		return false, err
	}
	epoch, err := tx.InstallEpoch(ctx)
	if err != nil {
		return false, err
	}
	newest, err := tx.NewestBundle(ctx, t, group)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	if err == nil && newest.Digest == digest && uint64(newest.Epoch) == epoch && store.Time(newest.ExpiresAt).Sub(now) > RenewBefore {
		return false, nil
	}
	number, err := tx.NextBundleNumber(ctx, t, group, epoch)
	if err != nil {
		return false, err
	}
	key, err := p.Key(t)
	if err != nil {
		return false, err
	}
	expires := now.Add(Life)
	data, err := bundle.Sign(&bundle.Bundle{
		Format: bundle.Format, Tenant: string(t), Group: group, Epoch: epoch, Number: number,
		IssuedAt: now, Expires: expires, GroupMode: policy.Mode(g.Mode), Policies: policies, Learning: g.Learning, Lists: lists, Revoked: revoked,
		VerdictKeys: trusted, Registries: g.Registries, Required: g.Required,
	}, key)
	if err != nil {
		return false, err
	}
	if len(data) > wire.MaxBundle {
		return false, fmt.Errorf("%w: group %q has %d bytes, at most %d", ErrTooLarge, group, len(data), wire.MaxBundle)
	}
	return true, tx.AddBundle(ctx, t, store.Bundle{
		GroupName: group, Epoch: int64(epoch), Number: int64(number), Digest: digest, Data: data, ExpiresAt: expires.UnixNano(),
	})
}

// contents is a digest of what a bundle says, without its number and times.
func contents(g store.Group, policies []*policy.RuntimePolicy, lists []*reputation.List, revoked []string, trusted []ed25519.PublicKey) (string, error) {
	var digests []string
	for _, l := range lists {
		digests = append(digests, l.Name+" "+l.Digest())
	}
	b, err := json.Marshal(struct {
		Mode     string
		Policies []*policy.RuntimePolicy
		Learning bool     `json:",omitempty"`
		Lists    []string `json:",omitempty"`
		Revoked  []string `json:",omitempty"`

		VerdictKeys []ed25519.PublicKey `json:",omitempty"`
		Registries  []string            `json:",omitempty"`
		Required    map[string]string   `json:",omitempty"`
	}{g.Mode, policies, g.Learning, digests, revoked, trusted, g.Registries, g.Required})
	if err != nil {
		return "", fmt.Errorf("cannot write policies: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// Wake tells enforcers of the groups that wait.
func (p *Publisher) Wake(t tenant.ID, groups ...string) {
	for _, g := range groups {
		p.wait.wake(waitKey{t, g})
	}
}

// Newest gives a group's newest bundle.
func (p *Publisher) Newest(ctx context.Context, t tenant.ID, group string) (store.Bundle, error) {
	return p.store.NewestBundle(ctx, t, group)
}

// Next gives a group's newest bundle as soon as it is newer than (epoch,
// number), or store.ErrNotFound when ctx ends first.
func (p *Publisher) Next(ctx context.Context, t tenant.ID, group string, epoch, number uint64) (store.Bundle, error) {
	load := func() (store.Bundle, error) {
		return p.store.NewestBundle(context.WithoutCancel(ctx), t, group)
	}
	for {
		r, done := p.wait.enter(waitKey{t, group})
		b, err := r.newest(load)
		if err == nil && (uint64(b.Epoch) > epoch || uint64(b.Epoch) == epoch && uint64(b.Number) > number) {
			done()
			return b, nil
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			done()
			return store.Bundle{}, err
		}
		select {
		case <-r.ch:
			done()
		case <-ctx.Done():
			done()
			return store.Bundle{}, fmt.Errorf("newer bundle of group %q: %w", group, store.ErrNotFound)
		}
	}
}

// PublicKeys gives the keys that sign a tenant's bundles, in base64.
func (p *Publisher) PublicKeys(ctx context.Context, t tenant.ID) ([]string, error) {
	if err := p.Prepare(ctx, t); err != nil {
		return nil, err
	}
	key, err := p.Key(t)
	if err != nil {
		return nil, err
	}
	return []string{base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))}, nil
}

// Refresh stages every group of every tenant and wakes those that changed.
func (p *Publisher) Refresh(ctx context.Context, now time.Time) error {
	tenants, err := p.store.InstallTenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		if err := p.Prepare(ctx, t); err != nil {
			return err
		}
		for cursor := ""; ; {
			groups, next, err := p.store.Groups(ctx, t, store.Page{Cursor: cursor, Limit: store.MaxLimit})
			if err != nil {
				return err
			}
			for _, g := range groups {
				if err := p.refresh(ctx, t, g.Name, now); err != nil {
					return err
				}
			}
			if cursor = next; cursor == "" {
				break
			}
		}
	}
	return nil
}

func (p *Publisher) refresh(ctx context.Context, t tenant.ID, group string, now time.Time) error {
	var made bool
	err := p.store.Update(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		made, err = p.stage(ctx, tx, t, group, now)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound): // deleted meanwhile
		return nil
	case err != nil:
		return err
	case made:
		slog.InfoContext(ctx, "bundle made anew", "tenant", t, "group", group)
		p.Wake(t, group)
	}
	return nil
}
