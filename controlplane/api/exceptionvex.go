package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/inventory"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/assurance"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/version"
	"github.com/limpet-security/limpet/scanner/match/suppress"
	"github.com/limpet-security/limpet/scanner/sbom"
)

const (
	maxVEXBody = 8 << 20 // of a document that is imported
	maxClaims  = 1_000   // of it
	// statementReports is how many reports one document of statements is made of.
	statementReports = 5_000
)

// aside gives a report without what approved exceptions accept.
func (a *API) aside(ctx context.Context, row store.Artifact, r *finding.Report) (*finding.Report, error) {
	now := store.Now()
	x, err := inventory.Exceptions(ctx, a.Store.Reader, access.From(ctx).Tenant, now)
	if err != nil {
		return nil, err
	}
	return x.SetAside(r, assurance.Subject{Reference: row.Name, Now: now, Stage: inventory.StageOf(row.Source)}), nil
}

// getStatements writes what approved exceptions say of the artefacts of the
// inventory as OpenVEX: exactly the packages that were found, not what an
// exception's patterns could match.
func (a *API) getStatements(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
	t, now := access.From(ctx).Tenant, store.Now()
	x, err := inventory.Exceptions(ctx, a.Store.Reader, t, now)
	if err != nil {
		return nil, err
	}
	doc := sbom.NewDecisions(fmt.Sprintf("urn:limpet:exceptions:%s:%d", t, now.Unix()), version.Version, now)
	read := 0
	for after := ""; ; {
		rows, err := a.Store.ArtifactsByID(ctx, t, after, store.MaxLimit)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			after = row.ID
			s := assurance.Subject{Reference: row.Name, Now: now, Stage: inventory.StageOf(row.Source)}
			if !x.MayConcern(row.Digest, s) {
				continue
			}
			if read++; read > statementReports {
				return nil, huma.NewError(http.StatusUnprocessableEntity,
					fmt.Sprintf("the exceptions concern more than %d artefacts; ask for the statements of one: /artifacts/{id}/report?format=openvex", statementReports))
			}
			r, err := inventory.Read(ctx, a.Store.Reader, t, row.ScanID)
			if errors.Is(err, store.ErrNotFound) {
				continue // scanned anew meanwhile
			}
			if err != nil {
				return nil, err
			}
			doc.Add(x.SetAside(r, s))
		}
		if len(rows) < store.MaxLimit {
			break
		}
	}
	return a.download(ctx, "limpet-exceptions", "openvex", func(w io.Writer) error { return doc.Write(w) }), nil
}

type statementsInput struct {
	DryInput
	Owner   string          `query:"owner" required:"true" minLength:"1" maxLength:"256" doc:"Who answers for the exceptions"`
	Expires string          `query:"expires" required:"true" format:"date" doc:"The day on which they end, such as 2027-03-31"`
	Body    json.RawMessage `doc:"A VEX document in JSON: OpenVEX, CSAF or CycloneDX"`
}

type statementsView struct {
	Requested []string         `json:"requested" nullable:"false" doc:"Exceptions that were asked for; each waits for somebody's approval"`
	Known     []string         `json:"known" nullable:"false" doc:"Exceptions of this name are there already and were left as they are"`
	Skipped   []skippedMessage `json:"skipped" nullable:"false" doc:"Statements that no exception says"`
}

type skippedMessage struct {
	Statement string `json:"statement"`
	Why       string `json:"why"`
}

// postStatements asks for an exception for each "not affected" of a VEX
// document. None holds before somebody else approves it.
func (a *API) postStatements(ctx context.Context, in *statementsInput) (*bodyOutput[statementsView], error) {
	refuse := func(err error) error { return huma.NewError(http.StatusUnprocessableEntity, err.Error()) }
	expires, err := time.Parse(time.DateOnly, in.Expires)
	if err != nil {
		return nil, refuse(fmt.Errorf("expires: %w", err))
	}
	v, err := suppress.ParseVEX(in.Body, "that was sent")
	if err != nil {
		return nil, refuse(err)
	}
	claims := v.Claims()
	if len(claims) > maxClaims {
		return nil, refuse(fmt.Errorf("the document says %d times that an image is not affected; at most %d can be imported at once", len(claims), maxClaims))
	}
	out := statementsView{Requested: []string{}, Known: []string{}, Skipped: []skippedMessage{}}
	var rows []store.Exception
	for _, c := range claims {
		if c.Problem != "" {
			out.Skipped = append(out.Skipped, skippedMessage{c.Ref, c.Problem})
			continue
		}
		text, err := claimed(c, strings.TrimSpace(in.Owner), expires, v.Format).YAML()
		if err != nil {
			return nil, err
		}
		row, err := a.exceptionRow(ctx, policyBody{YAML: string(text)})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Ref, err)
		}
		rows = append(rows, row)
	}
	err = a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		out.Requested, out.Known = out.Requested[:0], out.Known[:0]
		seen := map[string]bool{}
		for _, e := range rows {
			if seen[e.Name] {
				continue
			}
			seen[e.Name] = true
			_, err := c.Exception(ctx, c.who.Tenant, e.Name)
			if err == nil {
				out.Known = append(out.Known, e.Name)
				continue
			}
			if !errors.Is(err, store.ErrNotFound) {
				return err
			}
			if e, err = c.AddException(ctx, c.who.Tenant, e); err != nil {
				return err
			}
			if err := c.record(ctx, "request", "exception", e.Name, nil, exceptionRecord(e)); err != nil {
				return err
			}
			out.Requested = append(out.Requested, e.Name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &bodyOutput[statementsView]{Body: out}, nil
}

// claimed is the exception that says what a statement does.
func claimed(c suppress.Claim, owner string, expires time.Time, format string) *assurance.ExceptionDocument {
	id := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(c.IDs[0]))
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", c.IDs, c.Image, c.Digest, c.Packages))
	d := &assurance.ExceptionDocument{
		APIVersion: policy.APIVersion, Kind: assurance.KindException,
		Metadata: policy.Meta{Name: "vex-" + strings.Trim(id[:min(len(id), 40)], "-") + "-" + hex.EncodeToString(sum[:4])},
		Spec: assurance.Accept{
			Controls: []assurance.ControlID{assurance.ControlVulnerabilities}, IDs: c.IDs, Packages: c.Packages, Owner: owner, Expires: &expires, ReasonClass: "notRelevant",
		},
	}
	reason := c.Words
	if reason == "" {
		reason = "not affected"
	}
	d.Spec.Reason = clipTo(reason+" ("+format+", "+c.Ref+")", 2000)
	if c.Digest != "" {
		var digest policy.Digest
		if digest.UnmarshalText([]byte(c.Digest)) == nil {
			d.Spec.Digests = []policy.Digest{digest}
			return d
		}
	}
	d.Spec.Images = []policy.ImageGlob{policy.ImageGlob(c.Image)}
	return d
}

func clipTo(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return string(bytes.ToValidUTF8([]byte(s[:most]), nil))
}
