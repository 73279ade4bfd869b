package publish

import (
	"context"
	"fmt"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/reputation"
	"github.com/limpet-security/limpet/internal/tenant"
)

// Lists reads the reputation lists that policies name, as far as they exist.
func Lists(ctx context.Context, r store.Reader, t tenant.ID, policies []*policy.RuntimePolicy) ([]*reputation.List, error) {
	seen := map[string]bool{}
	var names []string
	for _, p := range policies {
		for _, n := range p.Spec.Controls.Lists() {
			if !seen[n] {
				seen[n] = true
				names = append(names, n)
			}
		}
	}
	rows, err := r.PackedLists(ctx, t, names)
	if err != nil {
		return nil, err
	}
	var out []*reputation.List
	for _, row := range rows {
		l, err := reputation.Open(row.Name, row.Packed)
		if err != nil {
			return nil, fmt.Errorf("cannot read reputation list: %w", err)
		}
		out = append(out, l)
	}
	return out, nil
}
