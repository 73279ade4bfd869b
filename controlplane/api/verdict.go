package api

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/internal/attest"
)

// getSignedVerdict gives the newest verdict about an image as an in-toto
// statement in a DSSE envelope.
func (a *API) getSignedVerdict(ctx context.Context, in *IDInput) (*bodyOutput[json.RawMessage], error) {
	t := access.From(ctx).Tenant
	row, err := a.Store.Artifact(ctx, t, in.ID)
	if err != nil {
		return nil, err
	}
	key, err := a.Publisher.VerdictKey(ctx, t)
	if err != nil {
		return nil, err
	}
	data, err := inventory.Attest(ctx, a.Store.Reader, t, row, key)
	if errors.Is(err, inventory.ErrUnsignable) {
		return nil, huma.NewError(http.StatusUnprocessableEntity, err.Error())
	}
	if err != nil {
		return nil, err
	}
	return &bodyOutput[json.RawMessage]{Body: data}, nil
}

type verdictKeyView struct {
	ID  string `json:"id" doc:"SHA-256 of the key, as envelopes name it"`
	Key string `json:"key" doc:"Ed25519 public key in base64"`
}

type verdictKeysView struct {
	Items []verdictKeyView `json:"items" nullable:"false"`
}

func (a *API) getVerdictKeys(ctx context.Context, _ *struct{}) (*bodyOutput[verdictKeysView], error) {
	key, err := a.Publisher.VerdictKey(ctx, access.From(ctx).Tenant)
	if err != nil {
		return nil, err
	}
	pub := key.Public().(ed25519.PublicKey)
	return &bodyOutput[verdictKeysView]{Body: verdictKeysView{Items: []verdictKeyView{{attest.KeyID(pub), base64.StdEncoding.EncodeToString(pub)}}}}, nil
}
