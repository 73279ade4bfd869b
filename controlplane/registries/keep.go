package registries

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/limpet-security/limpet/controlplane/registries/spec"
	"github.com/limpet-security/limpet/controlplane/store"
)

// Draft is a registry as somebody wants it.
type Draft struct {
	Name        string
	Description string
	Spec        spec.Spec
	Credentials spec.Secrets // sent; "" takes one away
}

// Row makes the row of a draft. was is the row it replaces, its zero value for
// a new one. What is not sent of the secrets stays as it was, but only while
// they go to the same place: or whoever may change an address could read
// them. secret is that of push notifications if there is a new one.
func (s *Service) Row(ctx context.Context, was store.Registry, d Draft) (row store.Registry, secret string, err error) {
	row = was
	if row.ID == "" {
		row.ID = NewID()
		if err := spec.CheckName(d.Name); err != nil {
			return row, "", spec.Errors{err}
		}
		row.Name = d.Name
	}
	secrets, err := s.Merge(ctx, was, d)
	if err != nil {
		return row, "", err
	}
	doc, err := json.Marshal(d.Spec)
	if err != nil {
		return row, "", fmt.Errorf("cannot write registry: %w", err)
	}
	row.Description, row.Type, row.Document = d.Description, string(d.Spec.Type), string(doc)
	old, err := s.Open(ctx, was)
	if err != nil || !maps.Equal(old, secrets) {
		if err := s.Seal(ctx, &row, secrets); err != nil {
			return row, "", err
		}
	}
	switch sender := d.Spec.Webhook.Sender; {
	case sender == "":
		row.Webhook = nil
	case len(row.Webhook) == 0:
		if secret, err = s.NewHookSecret(ctx, &row); err != nil {
			return row, "", err
		}
	}
	if old, err := SpecOf(was); was.ID == "" || err != nil || !reflect.DeepEqual(old, d.Spec) {
		// A new or changed registry is looked through at once.
		row.NextSync = s.Now().UnixNano()
	}
	return row, secret, nil
}

// Same says whether two rows say the same: then nothing is written.
func Same(a, b store.Registry) bool {
	return a.Description == b.Description && a.Document == b.Document && bytes.Equal(a.Sealed, b.Sealed) && bytes.Equal(a.Webhook, b.Webhook)
}

// Merge gives the secrets of a draft, with those of the row that it may use.
func (s *Service) Merge(ctx context.Context, was store.Registry, d Draft) (spec.Secrets, error) {
	kept := spec.Secrets{}
	if was.ID != "" {
		old, err := SpecOf(was)
		if err != nil {
			return nil, err
		}
		if sameDestination(old, d.Spec) {
			if kept, err = s.Open(ctx, was); err != nil {
				return nil, err
			}
		}
	}
	sent := maps.Clone(d.Credentials)
	for name, v := range d.Credentials {
		if v == "" {
			delete(sent, name)
			delete(kept, name)
		}
	}
	if err := d.Spec.Check(sent, slices.Collect(maps.Keys(kept))...); err != nil {
		return nil, err
	}
	names := d.Spec.SecretNames()
	maps.DeleteFunc(kept, func(name, _ string) bool { return !slices.Contains(names, name) })
	maps.Copy(kept, sent)
	return kept, nil
}

// sameDestination says whether secrets would go where they went, as whom they
// went, as well protected.
func sameDestination(a, b spec.Spec) bool {
	return a.Type == b.Type && a.Base() == b.Base() && a.APIAddress == b.APIAddress && slices.Equal(a.AuthHosts, b.AuthHosts) &&
		a.Auth == b.Auth && a.TLS == b.TLS
}
