package api

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/audit"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/assurance"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/tenant"
)

type setupView struct {
	Needed  bool   `json:"needed" doc:"No administrator exists yet"`
	Version string `json:"version"`
}

func (a *API) getSetup(ctx context.Context, _ *struct{}) (*bodyOutput[setupView], error) {
	has, err := a.Store.InstallHasUsers(ctx)
	if err != nil {
		return nil, err
	}
	return &bodyOutput[setupView]{Body: setupView{Needed: !has, Version: a.Version}}, nil
}

type setupInput struct {
	Body struct {
		Code     string `json:"code" maxLength:"64" doc:"The code in the server's log"`
		Username string `json:"username" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9][A-Za-z0-9._@-]*$"`
		Password string `json:"password" maxLength:"256"`
	}
}

// postSetup creates the administrator of the default tenant and the default
// policy, once.
func (a *API) postSetup(ctx context.Context, in *setupInput) (*sessionOutput, error) {
	c := callerOf(ctx)
	if err := a.attempt(c.remote, "setup"); err != nil {
		return nil, err
	}
	want, err := a.Store.InstallSetupHash(ctx)
	if err != nil {
		return nil, err
	}
	have := access.HashSecret(access.NormalSetupCode(in.Body.Code))
	if want == "" || subtle.ConstantTimeCompare([]byte(want), []byte(have)) != 1 {
		return nil, huma.NewError(http.StatusForbidden, "this is not the setup code of this server, or it has been used; the server's log shows it at each start until an administrator exists")
	}
	if err := access.CheckPasswordForm(in.Body.Username, in.Body.Password); err != nil {
		return nil, err
	}
	hash := access.HashPassword(in.Body.Password)
	const t = tenant.Default
	err = a.Store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		if has, err := tx.InstallHasUsers(ctx); err != nil {
			return err
		} else if has {
			return huma.NewError(http.StatusConflict, "an administrator exists already")
		}
		u, err := tx.AddUser(ctx, t, store.User{Username: in.Body.Username, PasswordHash: hash, Roles: []string{access.Administrator}})
		if err != nil {
			return err
		}
		if err := tx.SetInstallSetupHash(ctx, ""); err != nil {
			return err
		}
		if err := audit.Write(ctx, tx, t, audit.Change{
			Actor: u.Username, Action: "setup", Kind: "user", Name: u.Username, After: viewUser(u), RemoteAddr: c.remote,
		}); err != nil {
			return err
		}
		return errors.Join(addDefaultPolicy(ctx, tx, t, c.remote), addDefaultAssurance(ctx, tx, t, c.remote))
	})
	if err != nil {
		return nil, err
	}
	return a.signIn(ctx, t, in.Body.Username, false)
}

// DefaultPolicy is the name of the policy that new groups get.
const DefaultPolicy = "default"

func addDefaultPolicy(ctx context.Context, tx *store.Tx, t tenant.ID, remote string) error {
	if _, err := tx.Policy(ctx, t, DefaultPolicy); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	row, err := policyRow(policy.Default(), string(policy.DefaultYAML()))
	if err != nil {
		return err
	}
	row.Name, row.UpdatedBy = DefaultPolicy, "limpet"
	if row, err = tx.AddPolicy(ctx, t, row); err != nil {
		return err
	}
	return audit.Write(ctx, tx, t, audit.Change{
		Actor: "limpet", Action: "create", Kind: "policy", Name: row.Name, After: map[string]string{"yaml": row.YAML}, RemoteAddr: remote,
	})
}

// addDefaultAssurance adds the assurance policy that artefacts are judged by
// until somebody changes it.
func addDefaultAssurance(ctx context.Context, tx *store.Tx, t tenant.ID, remote string) error {
	if _, err := tx.PolicyOf(ctx, t, store.AssurancePolicies, DefaultPolicy); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	row, _, err := assurancePolicies.row(policyBody{YAML: string(assurance.DefaultYAML())})
	if err != nil {
		return err
	}
	row.UpdatedBy = "limpet"
	if row, err = tx.AddPolicyOf(ctx, t, store.AssurancePolicies, row); err != nil {
		return err
	}
	return audit.Write(ctx, tx, t, audit.Change{
		Actor: "limpet", Action: "create", Kind: "assurance policy", Name: row.Name, After: map[string]string{"yaml": row.YAML}, RemoteAddr: remote,
	})
}

// attempt counts a try of something that is worth guessing.
func (a *API) attempt(remote, name string) error {
	now := time.Now()
	if ok, wait := a.byAddr.Allow(remote, now); !ok {
		return tooMany(wait)
	}
	if ok, wait := a.byUser.Allow(name, now); !ok {
		return tooMany(wait)
	}
	return nil
}

func tooMany(wait time.Duration) error {
	seconds := int(wait/time.Second) + 1
	return huma.ErrorWithHeaders(
		huma.NewError(http.StatusTooManyRequests, "too many attempts; wait a little"),
		http.Header{"Retry-After": {itoa(seconds)}})
}
