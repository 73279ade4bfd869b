package ingest

import (
	"context"

	"github.com/limpet-security/limpet/controlplane/audit"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/verdict"
	"github.com/limpet-security/limpet/internal/wire"
)

// misplacedError is an enforcer that its group does not take.
type misplacedError struct {
	error
	rule  string
	image string
}

func (e *misplacedError) Unwrap() error { return e.error }

// misplaced says which of the group's rules about images a new enforcer breaks, ""
// if none. In enforce mode it is refused. Image and labels are what the enforcer
// claims: who can change what it says can change these.
func misplaced(ctx context.Context, tx *store.Tx, token store.JoinToken, e *store.Enforcer) (string, error) {
	if e.Kind != wire.KindMicro {
		return "", nil
	}
	g, err := tx.Group(ctx, token.Tenant, token.GroupName)
	if err != nil {
		return "", err
	}
	w := verdict.Workload{Image: e.Image, Labels: e.Labels, Registries: g.Registries, Required: g.Required}
	rule := string(w.Misplaced())
	if rule != "" && g.Mode == string(policy.Enforce) {
		return rule, &misplacedError{wire.Errorf(wire.ErrToken, "the group takes no such workload (%s of image %.200q)", rule, e.Image), rule, e.Image}
	}
	return rule, nil
}

// tellRefusal records an enforcer that was refused; its token was not used.
func (s *Service) tellRefusal(ctx context.Context, token store.JoinToken, why *misplacedError, remote string) {
	err := s.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		return audit.Write(ctx, tx, token.Tenant, audit.Change{
			Actor: "join:" + token.Prefix, Action: "refuse", Kind: "enforcer", Name: token.GroupName, RemoteAddr: remote,
			After: map[string]string{"group": token.GroupName, "image": why.image, "misplaced": why.rule},
		})
	})
	if err != nil {
		s.Log.WarnContext(ctx, "cannot record a refusal", "error", err)
	}
}
