package attest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// VerdictType is the kind of statement that says how assurance policies judged
// an artefact.
const VerdictType = "https://limpet.dev/attestation/assurance/v1"

// How a verdict lies in a registry: a referrer of the image of this kind, with
// one layer, the envelope.
const (
	ArtifactType = "application/vnd.limpet.verdict.v1+json"
	EnvelopeType = "application/vnd.dsse.envelope.v1+json"
)

// Bounds of what is looked at to find a verdict.
const (
	MaxVerdicts = 64
	MaxSkew     = time.Hour // by which whoever signed may be ahead of our clock
)

// Verdict is what of the predicate decides whether an image may start. The
// control plane and the command line write more into it (package assurance).
type Verdict struct {
	Result    string       `json:"result"` // pass, warn or fail
	Policies  []PolicyWord `json:"policies"`
	JudgedAt  time.Time    `json:"judgedAt"`
	ExpiresAt time.Time    `json:"expiresAt"`

	Signer string `json:"-"` // KeyID of the key that has signed
}

// PolicyWord is one policy's part of it.
type PolicyWord struct {
	Name   string `json:"name"`
	Number int64  `json:"number"` // version of the policy on its server; 0: it came from a file
}

// Demand is what a verdict must hold to.
type Demand struct {
	Keys     []ed25519.PublicKey
	Policies []string      // that must have judged: "name", or "name@number" for that version or a later one
	MaxAge   time.Duration // since it was judged; 0: as long as it has not expired
}

// Fault says why an image may not start by what is signed about it. The empty
// one says that it may.
type Fault string

// The faults, in the order in which a better verdict is looked for.
const (
	NoVerdict  Fault = "no-verdict"  // nobody has said anything about the image: it is not registered
	Malformed  Fault = "malformed"   // what lies there is no verdict
	WrongKey   Fault = "wrong-key"   // no trusted key has signed
	OtherImage Fault = "other-image" // it is about another digest
	OtherRules Fault = "policy"      // policies that are asked for have not judged
	Early      Fault = "not-yet"     // judged at a time that has not come
	Expired    Fault = "expired"
	TooOld     Fault = "too-old"
	Failed     Fault = "failed"
)

var faults = []Fault{NoVerdict, Malformed, WrongKey, OtherImage, OtherRules, Early, Expired, TooOld, Failed}

// Check looks for the newest verdict about an artefact (one of its digests)
// that a trusted key has signed and that the policies asked for have made, and
// says what is wrong with it. Older ones say nothing beside it: an image that
// failed today is not saved by last week's pass. The verdict is nil where the
// fault is one of its envelope.
func (d Demand) Check(envelopes [][]byte, digests []string, now time.Time) (*Verdict, Fault) {
	var newest *Verdict
	worst := NoVerdict
	for _, data := range envelopes[:min(len(envelopes), MaxVerdicts)] {
		v, fault := d.read(data, digests)
		switch {
		case fault == "":
			if newest == nil || v.JudgedAt.After(newest.JudgedAt) {
				newest = v
			}
		case slices.Index(faults, fault) > slices.Index(faults, worst):
			worst = fault
		}
	}
	if newest == nil {
		return nil, worst
	}
	return newest, newest.fault(d.MaxAge, now)
}

func (d Demand) read(data []byte, digests []string) (*Verdict, Fault) {
	s, signer, err := Verify(data, d.Keys)
	switch {
	case errors.Is(err, ErrUntrusted):
		return nil, WrongKey
	case err != nil || s.PredicateType != VerdictType:
		return nil, Malformed
	case !slices.ContainsFunc(digests, s.About):
		return nil, OtherImage
	}
	v := &Verdict{Signer: signer}
	if json.Unmarshal(s.Predicate, v) != nil || v.JudgedAt.IsZero() {
		return nil, Malformed
	}
	for _, p := range d.Policies {
		if !v.has(p) {
			return nil, OtherRules
		}
	}
	return v, ""
}

func (v *Verdict) has(demand string) bool {
	name, least, _ := strings.Cut(demand, "@")
	number, _ := strconv.ParseInt(least, 10, 64)
	return slices.ContainsFunc(v.Policies, func(p PolicyWord) bool { return p.Name == name && p.Number >= number })
}

func (v *Verdict) fault(maxAge time.Duration, now time.Time) Fault {
	switch {
	case v.JudgedAt.After(now.Add(MaxSkew)):
		return Early
	case !v.ExpiresAt.IsZero() && !now.Before(v.ExpiresAt):
		return Expired
	case maxAge > 0 && now.After(v.JudgedAt.Add(maxAge)):
		return TooOld
	case v.Result != "pass" && v.Result != "warn":
		return Failed
	}
	return ""
}

// Join writes envelopes into one file, a line each; Split reads it.
func Join(envelopes [][]byte) ([]byte, error) {
	if len(envelopes) > MaxVerdicts {
		return nil, fmt.Errorf("%w: %d verdicts are more than %d", ErrMalformed, len(envelopes), MaxVerdicts)
	}
	var out bytes.Buffer
	for _, e := range envelopes {
		if err := json.Compact(&out, e); err != nil {
			return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
		}
		out.WriteByte('\n')
	}
	if out.Len() > MaxBytes {
		return nil, fmt.Errorf("%w: %d bytes are more than %d", ErrMalformed, out.Len(), MaxBytes)
	}
	return out.Bytes(), nil
}

// Split gives the lines of what Join wrote.
func Split(data []byte) (out [][]byte) {
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) > 0 && len(out) < MaxVerdicts {
			out = append(out, line)
		}
	}
	return out
}

// Concerns says that an envelope claims to hold a verdict about one of the
// digests. Its signature is not looked at.
func Concerns(data []byte, digests ...string) bool {
	s := claimed(data)
	return s != nil && slices.ContainsFunc(digests, s.About)
}

// IsVerdict says that an envelope claims to hold a verdict.
func IsVerdict(data []byte) bool { return claimed(data) != nil }

func claimed(data []byte) *Statement {
	var e envelope
	var s Statement
	if len(data) > MaxBytes || json.Unmarshal(data, &e) != nil || json.Unmarshal(e.Payload, &s) != nil || s.PredicateType != VerdictType {
		return nil
	}
	return &s
}
