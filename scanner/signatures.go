package scanner

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/limpet-security/limpet/internal/attest"
	"github.com/limpet-security/limpet/internal/cosign"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/image"
)

// maxSignatures bounds what a report holds; an image has one or two.
const maxSignatures = 64

// signaturesOf looks for what may be a signature of an image, or of the index
// that it was taken from, in its registry. nil: the place is no registry.
func signaturesOf(ctx context.Context, place image.Place, source *image.Source, img *image.Image, o image.Options) *finding.Signatures {
	if place.Kind != image.Registry {
		return nil
	}
	out := &finding.Signatures{}
	subjects := []v1.Hash{img.Digest()}
	if source.Index != nil {
		subjects = append(subjects, source.Index.Digest())
	}
	want := func(kind string) bool { return kind == cosign.SignatureKind || kind == cosign.Bundle }
	for _, subject := range subjects {
		list, err := image.ListAttached(ctx, place.Ref.Context(), subject, want, []string{"sig"}, o)
		if err != nil {
			return &finding.Signatures{Problem: err.Error()}
		}
		for _, a := range list {
			switch a.MediaType {
			case cosign.SimpleSigning, cosign.Bundle, attest.EnvelopeType:
				if len(a.Data) <= cosign.MaxPayload && len(out.Items) < maxSignatures {
					out.Items = append(out.Items, finding.Signature{Subject: a.Subject, MediaType: a.MediaType, Document: a.Data, Value: a.Annotations[cosign.Annotation]})
				}
			}
		}
	}
	return out
}
