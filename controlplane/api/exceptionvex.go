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
	Requested  []string         `json:"requested" nullable:"false" doc:"Exceptions that were asked for; each waits for somebody's approval"`
	Known      []string         `json:"known" nullable:"false" doc:"Exceptions of this name are there already and were left as they are"`
	Skipped    []skippedMessage `json:"skipped" nullable:"false" doc:"Statements that no exception says"`
	Statements []statementView  `json:"statements" nullable:"false" doc:"What becomes of each \"not affected\" of the document, in its order"`
	Others     int              `json:"others" doc:"Statements that say something else than not affected: nothing is asked for"`
	Format     string           `json:"format" doc:"OpenVEX, CSAF or CycloneDX"`
}

type skippedMessage struct {
	Statement string `json:"statement"`
	Why       string `json:"why"`
}

type statementView struct {
	Statement string   `json:"statement" doc:"Where it stands in the document"`
	Outcome   string   `json:"outcome" enum:"requested,known,skipped"`
	Exception string   `json:"exception,omitempty" doc:"That says the same"`
	State     string   `json:"state,omitempty" doc:"Of an exception that is known"`
	Why       string   `json:"why,omitempty" doc:"It was skipped"`
	IDs       []string `json:"ids" nullable:"false"`
	Packages  []string `json:"packages" nullable:"false" doc:"None: all of the image"`
	Image     string   `json:"image,omitempty"`
	Digest    string   `json:"digest,omitempty"`
}

// statementRow is a statement with the exception that says the same, if one does.
type statementRow struct {
	view statementView
	row  *store.Exception
}

// postStatements asks for an exception for each "not affected" of a VEX
// document that one can say. None holds before somebody else approves it.
func (a *API) postStatements(ctx context.Context, in *statementsInput) (*bodyOutput[statementsView], error) {
	refuse := func(err error) error { return huma.NewError(http.StatusUnprocessableEntity, err.Error()) }
	owner := strings.TrimSpace(in.Owner)
	if owner == "" {
		return nil, refuse(errors.New("owner: say who answers for the exceptions"))
	}
	expires, err := time.Parse(time.DateOnly, in.Expires)
	if err != nil {
		return nil, refuse(fmt.Errorf("expires: %w", err))
	}
	// What is wrong with the day is wrong with all.
	if err := a.checkExpiry(store.Exception{ExpiresAt: expires.UnixNano()}, store.Now()); err != nil {
		return nil, err
	}
	v, err := suppress.ParseVEX(in.Body, "that was sent")
	if err != nil {
		return nil, refuse(err)
	}
	claims := v.Claims()
	if len(claims) > maxClaims {
		return nil, refuse(fmt.Errorf("the document says %d times that an image is not affected; at most %d can be imported at once", len(claims), maxClaims))
	}
	all := make([]statementRow, 0, len(claims))
	seen := map[string]string{} // by exception, the statement
	for _, c := range claims {
		s := statementRow{view: statementView{Statement: c.Ref, Outcome: "skipped", Why: c.Problem, IDs: orEmpty(c.IDs), Packages: orEmpty(c.Packages), Image: c.Image, Digest: c.Digest}}
		if c.Problem == "" {
			if s, err = a.statementRow(ctx, s, c, owner, expires, v.Format); err != nil {
				return nil, fmt.Errorf("%s: %w", c.Ref, err)
			}
		}
		if s.row != nil {
			if first, ok := seen[s.row.Name]; ok {
				s.row, s.view.Why = nil, first+" says the same"
			} else {
				seen[s.row.Name] = c.Ref
			}
		}
		all = append(all, s)
	}
	err = a.change(ctx, in.DryRun, func(ctx context.Context, c *changes) error {
		for i := range all {
			if err := askFor(ctx, c, &all[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := statementsView{Requested: []string{}, Known: []string{}, Skipped: []skippedMessage{}, Statements: []statementView{}, Others: v.Others(), Format: v.Format}
	for _, s := range all {
		switch s.view.Outcome {
		case "requested":
			out.Requested = append(out.Requested, s.view.Exception)
		case "known":
			out.Known = append(out.Known, s.view.Exception)
		default:
			out.Skipped = append(out.Skipped, skippedMessage{s.view.Statement, s.view.Why})
		}
		out.Statements = append(out.Statements, s.view)
	}
	return &bodyOutput[statementsView]{Body: out}, nil
}

// statementRow makes the exception that says what a statement does, or says why
// there is none: one that is not to be had does not hold up the others.
func (a *API) statementRow(ctx context.Context, s statementRow, c suppress.Claim, owner string, expires time.Time, format string) (statementRow, error) {
	// An exception reads names as patterns, a statement does not.
	for _, name := range append(append([]string{c.Image}, c.IDs...), c.Packages...) {
		if strings.ContainsAny(name, `*?[]{}\`) {
			s.view.Why = fmt.Sprintf("%.200q is no name: exceptions would read it as a pattern", name)
			return s, nil
		}
	}
	text, err := claimed(c, owner, expires, format).YAML()
	if err != nil {
		return s, err
	}
	row, err := a.exceptionRow(ctx, policyBody{YAML: string(text)})
	var wrong policy.Errors
	if errors.As(err, &wrong) {
		var words []string
		for _, e := range wrong {
			words = append(words, strings.TrimPrefix(e.Path+": "+e.Message, ": "))
		}
		s.view.Why = strings.Join(words, "; ")
		return s, nil
	}
	if err != nil {
		return s, err
	}
	s.row = &row
	return s, nil
}

// askFor asks for the exception unless it is there already.
func askFor(ctx context.Context, c *changes, s *statementRow) error {
	if s.row == nil {
		return nil
	}
	s.view.Exception = s.row.Name
	was, err := c.Exception(ctx, c.who.Tenant, s.row.Name)
	if err == nil {
		s.view.Outcome, s.view.State = "known", was.StateAt(store.Now())
		return nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	e, err := c.AddException(ctx, c.who.Tenant, *s.row)
	if err != nil {
		return err
	}
	s.view.Outcome, s.view.State = "requested", ""
	return c.record(ctx, "request", "exception", e.Name, nil, exceptionRecord(e))
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
