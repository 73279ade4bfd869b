package registries

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/limpet-security/limpet/controlplane/registries/spec"
	"github.com/limpet-security/limpet/controlplane/scanning"
	"github.com/limpet-security/limpet/controlplane/store"
)

// Bounds of push notifications.
const (
	MaxHook   = 1 << 20 // bytes of one
	maxHooks  = 8       // worked on at once
	maxPushes = 50      // images in one
	hookTime  = 20 * time.Second
)

// Errors of push notifications. Whoever has no right to send one is told
// nothing of what there is.
var (
	ErrHook     = errors.New("no such webhook, or its secret is wrong")
	ErrHookBody = errors.New("the notification cannot be read")
	ErrHookMany = errors.New("too many attempts")
)

// Hooked is what came of a notification.
type Hooked struct {
	Seen     bool `json:"seen,omitempty"` // the same was read already
	Images   int  `json:"images"`         // that it names
	Enqueued int  `json:"enqueued"`
	Ignored  int  `json:"ignored"` // that the registry's patterns do not take
}

// Hook reads a push notification. What it names is looked for in the registry
// itself; the notification's word counts for nothing more.
func (s *Service) Hook(ctx context.Context, id, remote string, header http.Header, query url.Values, body []byte) (Hooked, error) {
	var out Hooked
	refuse := func() error {
		if ok, _ := s.failures.Allow(remote, s.Now()); !ok {
			return ErrHookMany
		}
		return ErrHook
	}
	if !spec.IsID(id) {
		return out, refuse()
	}
	row, err := s.Store.RegistryAnyTenant(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return out, refuse()
	}
	if err != nil {
		return out, err
	}
	said, err := SpecOf(row)
	if err != nil {
		return out, err
	}
	if said.Webhook.Sender == "" || len(row.Webhook) == 0 {
		return out, refuse()
	}
	secret, err := s.Sealer.Open(ctx, string(row.Tenant), hookName(row.ID), row.Webhook)
	if err != nil {
		return out, err
	}
	defer clear(secret)
	if !senders[said.Webhook.Sender].check(header, query, body, string(secret)) {
		return out, refuse()
	}
	pushes, err := senders[said.Webhook.Sender].read(body)
	if err != nil {
		return out, fmt.Errorf("%w: %w", ErrHookBody, err)
	}
	if out.Images = len(pushes); out.Images == 0 {
		return out, nil
	}
	select {
	case s.hooks <- struct{}{}:
		defer func() { <-s.hooks }()
	default:
		return out, ErrBusy
	}
	return s.hooked(ctx, row, said, pushes, body, out)
}

// hooked acts upon a notification that was read: once.
func (s *Service) hooked(ctx context.Context, row store.Registry, said spec.Spec, pushes []push, body []byte, out Hooked) (Hooked, error) {
	sum := sha256.Sum256(body)
	delivery := hex.EncodeToString(sum[:])
	fresh := false
	err := s.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		fresh, err = tx.AddDelivery(ctx, row.Tenant, row.ID, delivery, s.Now())
		return err
	})
	if err != nil || !fresh {
		out.Seen = err == nil
		return out, err
	}
	picks, err := s.wanted(said, pushes)
	if err != nil {
		return out, err
	}
	out.Ignored = out.Images - len(picks)
	ctx, cancel := context.WithTimeout(ctx, hookTime)
	defer cancel()
	var failed error
	if len(picks) > 0 {
		err = s.each(ctx, row, picks, scanning.Webhook, "", func(_ int, p Pick, err error) {
			switch k := classify(err); {
			case k == nil:
				out.Enqueued++
			case k.Kind == NotFound: // deleted since, or never there
				out.Ignored++
			default:
				failed = fmt.Errorf("%s: %w", p.Repository, err)
			}
		})
	}
	if err = errors.Join(err, failed); err != nil {
		// The sender may try again.
		ctx := context.WithoutCancel(ctx)
		again := s.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
			return tx.ForgetDelivery(ctx, row.Tenant, row.ID, delivery)
		})
		return out, errors.Join(err, again)
	}
	s.Log.InfoContext(ctx, "push notification", "registry", row.Name, "tenant", row.Tenant, "images", out.Images, "enqueued", out.Enqueued)
	return out, nil
}

// wanted are the images that the registry's patterns take, each once.
func (s *Service) wanted(said spec.Spec, pushes []push) ([]Pick, error) {
	repos, err := said.Select.Repositories.Chooser()
	if err != nil {
		return nil, err
	}
	tags, err := said.Select.Tags.Chooser()
	if err != nil {
		return nil, err
	}
	var picks []Pick
	seen := map[push]bool{}
	for _, p := range pushes {
		if seen[p] || !goodRepository(p.repository) || !repos.Takes(p.repository) || p.tag != "" && (!goodTag(p.tag) || !tags.Takes(p.tag)) || p.tag == "" && p.digest == "" {
			continue
		}
		seen[p] = true
		picks = append(picks, Pick{Repository: p.repository, Tag: p.tag, Digest: p.digest})
	}
	return picks, nil
}
