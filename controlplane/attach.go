package controlplane

import (
	"context"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/limpet-security/limpet/controlplane/audit"
	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/scanning"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/attest"
	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/internal/version"
)

// attachLimit bounds how long a registry may take for a verdict.
const attachLimit = 30 * time.Second

// attachVerdict puts the signed verdict of a scan of the queue beside the image in
// its registry, with what the scan's registry lends. The scan is kept whatever
// comes of it: a registry that does not take it, or may not be written, is
// logged, and the verdict can be fetched from the API.
func (s *server) attachVerdict(ctx context.Context, q *scanning.Queue, j store.ScanJob, a store.Artifact) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), attachLimit)
	defer cancel()
	if err := s.attach(ctx, q, j, a); err != nil {
		s.Log.WarnContext(ctx, "the verdict was not attached", "image", a.Name, "digest", a.Digest, "error", err)
	}
}

func (s *server) attach(ctx context.Context, q *scanning.Queue, j store.ScanJob, a store.Artifact) error {
	key, err := s.publisher.VerdictKey(ctx, j.Tenant)
	if err != nil {
		return err
	}
	data, err := inventory.Attest(ctx, s.store.Reader, j.Tenant, a, key)
	if err != nil {
		return err
	}
	subject, err := v1.NewHash(a.Digest)
	if err != nil {
		return fmt.Errorf("cannot attach verdict: %w", err)
	}
	access, err := q.Lent(ctx, j)
	if err != nil {
		return err
	}
	place, err := image.ParsePlace(j.Reference, access.Insecure)
	if err != nil {
		return err
	}
	o := image.Options{UserAgent: "limpet/" + version.Version}
	if o.Keychain, o.Transport, err = access.Use(j.Reference); err != nil {
		return err
	}
	repo := place.Ref.Context()
	h, err := image.Attach(ctx, repo, subject, attest.ArtifactType, attest.EnvelopeType, data, map[string]string{"in-toto.io/predicate-type": attest.VerdictType}, o)
	if err != nil {
		return err
	}
	return s.store.Update(ctx, func(ctx context.Context, tx *store.Tx) error {
		return audit.Write(ctx, tx, j.Tenant, audit.Change{Actor: "server", Action: "attach", Kind: "verdict", Name: repo.Name() + "@" + a.Digest,
			After: map[string]string{"result": a.Result, "manifest": h.String()}})
	})
}
