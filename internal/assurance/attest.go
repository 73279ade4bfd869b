package assurance

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/limpet-security/limpet/internal/attest"
	"github.com/limpet-security/limpet/internal/finding"
)

// PredicateType is the kind of statement that a signed verdict is.
const PredicateType = attest.VerdictType

// ErrNoDigest says that an artefact without a digest cannot be spoken of.
var ErrNoDigest = errors.New("the artefact has no digest")

// Statement is the predicate of a signed verdict: the result and what it rests
// on, without the findings.
type Statement struct {
	Result    Result            `json:"result"`
	Policies  []PolicyStatement `json:"policies"`
	Reference string            `json:"reference,omitempty"`
	Integrity finding.Verdict   `json:"integrity"`
	Database  *finding.Database `json:"database,omitempty"`
	Scanner   string            `json:"scanner"`
	JudgedAt  time.Time         `json:"judgedAt"`
	// ExpiresAt is when the verdict is no longer worth anything; zero: never.
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
}

// PolicyStatement is one policy's part.
type PolicyStatement struct {
	Name     string      `json:"name"`
	Number   int64       `json:"number,omitempty"` // version of the policy on its server; 0: it came from a file
	Digest   string      `json:"digest"`           // of its canonical text
	Result   Result      `json:"result"`
	Violated []ControlID `json:"violated,omitempty"`
}

// Sign gives the verdict as a signed statement about the image's digests: of its
// manifest, and of its configuration, which names its content as well and is all
// that a Docker daemon knows.
func Sign(v Verdict, s Subject, expires time.Time, key ed25519.PrivateKey) ([]byte, error) {
	var about []attest.Subject
	for _, digest := range []string{s.Report.Artifact.Digest, s.Report.Artifact.ID} {
		if algorithm, hex, ok := strings.Cut(digest, ":"); ok {
			about = append(about, attest.Subject{Name: s.Reference, Digest: map[string]string{algorithm: hex}})
		}
	}
	if len(about) == 0 {
		return nil, fmt.Errorf("cannot sign verdict: %w", ErrNoDigest)
	}
	out := Statement{
		Result: v.Result, Reference: s.Reference, Integrity: s.Report.Integrity.Verdict, Database: s.Report.Database, Scanner: s.Report.Scanner,
		JudgedAt: s.Now.UTC(), ExpiresAt: expires.UTC(), Policies: []PolicyStatement{},
	}
	for _, p := range v.Policies {
		ps := PolicyStatement{Name: p.Policy, Number: p.Number, Digest: p.Digest, Result: p.Result}
		for _, w := range p.Violations {
			if len(ps.Violated) == 0 || ps.Violated[len(ps.Violated)-1] != w.Control {
				ps.Violated = append(ps.Violated, w.Control)
			}
		}
		out.Policies = append(out.Policies, ps)
	}
	predicate, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("cannot sign verdict: %w", err)
	}
	return attest.Sign(attest.Statement{Subject: about, PredicateType: PredicateType, Predicate: predicate}, key)
}

// digest is the SHA-256 of the policy's canonical text.
func (p *Policy) digest() (string, error) {
	text, err := p.YAML()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}
