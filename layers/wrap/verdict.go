package wrap

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/limpet-security/limpet/internal/attest"
	"github.com/limpet-security/limpet/internal/image"
	"github.com/limpet-security/limpet/internal/verdict"
)

// verdicts gives what is to lie beside the enforcer: signed verdicts about the
// source image, those that lie there already first. Nobody's signature is
// checked here: who may sign is for the enforcer's bundle to say, and anybody
// who may push the image may leave them out.
func (j *job) verdicts(facts sourceFacts, prior []byte) ([]byte, error) {
	all := attest.Split(prior)
	if j.Verdicts != nil {
		more, err := j.Verdicts(j.ctx, facts.digest)
		if err != nil {
			return nil, err
		}
		joined, err := attest.Join(more)
		if err != nil {
			return nil, fmt.Errorf("cannot embed verdicts: %w", err)
		}
		all = append(all, attest.Split(joined)...)
	}
	var out [][]byte
	for _, e := range all {
		if attest.Concerns(e, facts.digest, facts.id) && !slices.ContainsFunc(out, func(o []byte) bool { return bytes.Equal(o, e) }) {
			out = append(out, e)
		}
	}
	if over := len(out) - attest.MaxVerdicts; over > 0 {
		out = out[over:] // the oldest of those that lay there
	}
	return attest.Join(out)
}

// foresee warns of a start that the embedded policy would not let happen.
func (j *job) foresee(id Identity, facts sourceFacts, verdicts []byte) error {
	if len(id.Bundle) == 0 {
		return nil
	}
	b, err := id.open()
	if err != nil {
		return err
	}
	e, err := verdict.Compile(b.Policies, verdict.Workload{
		Image: facts.name, Labels: id.Embedded.Labels, Group: b.Group, GroupMode: b.GroupMode, AssignedAt: b.IssuedAt, Lists: b.Lists,
		VerdictKeys: b.VerdictKeys, Registries: b.Registries, Required: b.Required,
	})
	if err != nil {
		return fmt.Errorf("cannot read the bundle's policies: %w", err)
	}
	d, _ := e.Image(attest.Split(verdicts), []string{facts.digest, facts.id}, time.Now())
	switch d.Verdict {
	case verdict.Deny:
		j.warn("the enforcer will not let this image start: %s (%s)", d.Rule, d.Control)
	case verdict.Audit:
		j.warn("the enforcer will report that this image starts: %s (%s)", d.Rule, d.Control)
	}
	return nil
}

// Wrapped is what a wrapped image says of its source.
type Wrapped struct {
	SourceImage  string
	SourceDigest string // of the manifest; "" where it had none
	SourceID     string
	Verdicts     [][]byte // signed, not verified
}

// Inspect gives what an image says of its source; nil where it is not wrapped.
// That the layers below ours are the source's is checked. That ours was made by
// Limpet, and nothing else changed, is not.
func Inspect(ctx context.Context, img *image.Image) (*Wrapped, error) {
	c, err := parseConfig(img.Config)
	if err != nil {
		return nil, err
	}
	o, err := recognise(ctx, img, c)
	if o == nil || err != nil {
		return nil, err
	}
	w := &Wrapped{SourceImage: o.identity.Embedded.SourceImage, SourceID: o.img.ID().String(), Verdicts: attest.Split(o.verdicts)}
	if o.manifest != nil {
		w.SourceDigest = image.Digest(o.manifest).String()
	}
	return w, nil
}
