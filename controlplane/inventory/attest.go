package inventory

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/assurance"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/tenant"
)

// VerdictLife is how long a signed verdict is worth something after it was made.
const VerdictLife = 30 * 24 * time.Hour

// ErrUnsignable reports an artefact whose verdict cannot be signed.
var ErrUnsignable = errors.New("its verdict cannot be signed")

// keptVerdict is a verdict as it is kept: with what a signature of it needs.
type keptVerdict struct {
	assurance.Verdict
	JudgedAt time.Time `json:"judgedAt"`
	ImageID  string    `json:"imageID,omitempty"`
}

// Attest signs the newest verdict about an artefact. The same verdict gives the
// same bytes; its time is that of the judgement.
func Attest(ctx context.Context, r store.Reader, t tenant.ID, a store.Artifact, key ed25519.PrivateKey) ([]byte, error) {
	scan, err := r.Scan(ctx, t, a.ScanID)
	if err != nil {
		return nil, err
	}
	var v keptVerdict
	if err := json.Unmarshal([]byte(scan.Verdict), &v); err != nil {
		return nil, fmt.Errorf("cannot read verdict: %w", err)
	}
	if v.JudgedAt.IsZero() || a.Kind != string(finding.KindImage) {
		return nil, fmt.Errorf("%s: %w: it is no image, or was judged before verdicts were signed; scan it again", a.Name, ErrUnsignable)
	}
	report := &finding.Report{
		Artifact:  finding.Artifact{Kind: finding.KindImage, Name: a.Name, Digest: a.Digest, ID: v.ImageID},
		Integrity: finding.Integrity{Verdict: finding.Verdict(a.Integrity)}, Scanner: scan.Scanner,
	}
	if scan.DatabaseBuilt != 0 {
		report.Database = &finding.Database{Digest: scan.DatabaseDigest, Built: store.Time(scan.DatabaseBuilt)}
	}
	out, err := assurance.Sign(v.Verdict, assurance.Subject{Report: report, Reference: a.Name, Now: v.JudgedAt}, v.JudgedAt.Add(VerdictLife), key)
	if errors.Is(err, assurance.ErrNoDigest) {
		return nil, fmt.Errorf("%s: %w: %w", a.Name, ErrUnsignable, err)
	}
	return out, err
}
