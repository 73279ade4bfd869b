package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/limpet-security/limpet/internal/attest"
	"github.com/limpet-security/limpet/internal/image"
)

// attachVerdict pushes a signed verdict as a referrer of its image.
func attachVerdict(ctx context.Context, repo name.Repository, digest string, data []byte) (v1.Hash, error) {
	quietLogs()
	subject, err := v1.NewHash(digest)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("cannot attach: the report has no manifest digest; scan the image in its registry: %w", err)
	}
	return image.Attach(ctx, repo, subject, attest.ArtifactType, attest.EnvelopeType, data,
		map[string]string{"in-toto.io/predicate-type": attest.VerdictType}, image.Options{UserAgent: imageUserAgent()})
}

// attachedVerdicts gives the envelopes that are attached to an image: as
// referrers, or under the tag that cosign uses for attestations.
func attachedVerdicts(ctx context.Context, repo name.Repository, digest string, o image.Options) ([][]byte, error) {
	subject, err := v1.NewHash(digest)
	if err != nil {
		return nil, fmt.Errorf("cannot look for verdicts: %w", err)
	}
	want := func(kind string) bool { return kind == attest.ArtifactType || kind == attest.PayloadType }
	list, err := image.ListAttached(ctx, repo, subject, want, []string{"att"}, o)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for _, a := range list {
		if attest.Concerns(a.Data, digest) {
			out = append(out, a.Data)
		}
	}
	return out, nil
}

// wrapVerdicts gives the verdicts that wrapping embeds: those of --verdict, or
// what is attached to the source in its registry.
func (f *wrapFlags) wrapVerdicts(cmd *cobra.Command, source image.Place) (func(context.Context, string) ([][]byte, error), error) {
	if len(f.verdicts) > 0 {
		envelopes, err := readVerdicts(f.verdicts)
		return func(context.Context, string) ([][]byte, error) { return envelopes, nil }, err
	}
	if source.Kind != image.Registry {
		return nil, nil
	}
	return func(ctx context.Context, digest string) ([][]byte, error) {
		if digest == "" {
			return nil, nil
		}
		out, err := attachedVerdicts(ctx, source.Ref.Context(), digest, f.imageOptions())
		if err != nil && ctx.Err() == nil { // many registries need no such thing: an image without it is as it was before
			fmt.Fprintln(cmd.ErrOrStderr(), "warning: no verdict is embedded:", err)
			return nil, nil
		}
		return out, err
	}, nil
}

// readVerdicts reads files of signed verdicts, one envelope or one a line.
func readVerdicts(files []string) (out [][]byte, err error) {
	for _, file := range files {
		data, err := readBounded(file, attest.MaxBytes)
		if err != nil {
			return nil, fmt.Errorf("cannot read verdict: %w", err)
		}
		list := attest.Split(data)
		if one, err := attest.Join([][]byte{data}); err == nil {
			list = [][]byte{one} // printed over several lines
		}
		for _, e := range list {
			if !attest.IsVerdict(e) {
				return nil, fmt.Errorf("cannot read verdict: %s holds something else", file)
			}
		}
		out = append(out, list...)
	}
	return out, nil
}

// errNoFile is a --key that is no file and no key.
var errNoFile = errors.New("neither a file nor a public key")

func isFile(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, os.ErrNotExist)
}

// digestsOf gives what verdicts may call an image.
func digestsOf(img *image.Image) []string {
	var out []string
	for _, h := range []v1.Hash{img.Digest(), img.ID()} {
		if h.Hex != "" {
			out = append(out, h.String())
		}
	}
	return slices.Clip(out)
}
