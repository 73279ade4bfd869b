package bundle

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/limpet-security/limpet/internal/policy"
	"github.com/limpet-security/limpet/internal/reputation"
)

// Format is the newest format that this version reads and the one it writes.
const Format = 1

// Bounds.
const (
	MaxBytes    = 8 << 20 // of an envelope
	MaxPolicies = 256
	MaxRevoked  = 10_000
	MaxLists    = 200 // reputation lists
	MaxKeys     = 16  // that may sign verdicts
	MaxOrigins  = 256 // registries, or labels, of a group
	MaxName     = 256
)

// Errors that callers may tell apart.
var (
	ErrMalformed = errors.New("malformed bundle")
	ErrFormat    = errors.New("bundle of a newer format")
	ErrSignature = errors.New("bundle is not signed by a trusted key")
	ErrExpired   = errors.New("bundle has expired")
	ErrAudience  = errors.New("bundle is for another tenant or group")
	ErrReplay    = errors.New("bundle is the one already held")
	ErrDowngrade = errors.New("bundle is older than the one held")
	ErrNotFresh  = errors.New("answer is not for this request")
)

// Bundle is what an enforcer of a group has to know.
type Bundle struct {
	Format    int
	Tenant    string
	Group     string
	Epoch     uint64 // raised when the control plane's database is restored
	Number    uint64 // raised with every change
	IssuedAt  time.Time
	Expires   time.Time // zero: never
	GroupMode policy.Mode
	Policies  []*policy.RuntimePolicy
	Revoked   []string           // image digests that must not start: of manifests, or of configurations
	Learning  bool               // enforcers of the group report what their workloads do
	Lists     []*reputation.List // that the policies name, as far as they exist

	VerdictKeys []ed25519.PublicKey // that may sign verdicts about images
	Registries  []string            // patterns of images that the group takes; none: all
	Required    map[string]string   // labels that a workload of the group must have

	// Unknown lists what a newer control plane wrote and this version does
	// not know. It is filled in by Verify and not signed again.
	Unknown []Unknown
}

// Unknown is one key that this version does not know. What it would do is
// not done, and has to be reported as unavailable.
type Unknown struct {
	Policy string // metadata.name; "" for the bundle itself
	Path   string // e.g. spec.controls.newControl
}

// Control gives the control that the key is or belongs to, or "".
func (u Unknown) Control() policy.ControlID { return policy.ControlOfPath(u.Path) }

// Newer says whether b comes after c: by epoch, then by number.
func (b *Bundle) Newer(c *Bundle) bool {
	return b.Epoch > c.Epoch || b.Epoch == c.Epoch && b.Number > c.Number
}

// Revokes says whether an image must not start that has one of these digests;
// empty ones are none.
func (b *Bundle) Revokes(digests ...string) bool {
	return slices.ContainsFunc(digests, func(d string) bool { return d != "" && slices.Contains(b.Revoked, d) })
}

// Expired says whether the bundle's time has passed.
func (b *Bundle) Expired(now time.Time) bool { return !b.Expires.IsZero() && !now.Before(b.Expires) }

// payload is the signed part.
type payload struct {
	Tenant    string            `json:"tenant"`
	Group     string            `json:"group"`
	Epoch     uint64            `json:"epoch"`
	Number    uint64            `json:"number"`
	IssuedAt  time.Time         `json:"issuedAt"`
	Expires   *time.Time        `json:"expires,omitempty"`
	GroupMode policy.Mode       `json:"groupMode"`
	Policies  []json.RawMessage `json:"policies"`
	Revoked   []string          `json:"revoked,omitempty"`
	Learning  bool              `json:"learning,omitempty"` // enforcers that do not know it ignore it
	Lists     []payloadList     `json:"lists,omitempty"`

	VerdictKeys []ed25519.PublicKey `json:"verdictKeys,omitempty"`
	Registries  []string            `json:"registries,omitempty"`
	Required    map[string]string   `json:"requiredLabels,omitempty"`
}

// payloadList is a packed reputation list.
type payloadList struct {
	Name string `json:"name"`
	Data []byte `json:"data"`
}

var payloadKeys = map[string]bool{"tenant": true, "group": true, "epoch": true, "number": true, "issuedAt": true,
	"expires": true, "groupMode": true, "policies": true, "revoked": true, "learning": true, "lists": true,
	"verdictKeys": true, "registries": true, "requiredLabels": true}

// encode checks a bundle and gives its payload.
func (b *Bundle) encode() ([]byte, error) {
	if b.Format != 0 && b.Format != Format {
		return nil, fmt.Errorf("format %d cannot be written", b.Format)
	}
	p := payload{Tenant: b.Tenant, Group: b.Group, Epoch: b.Epoch, Number: b.Number, IssuedAt: b.IssuedAt.UTC(),
		GroupMode: b.GroupMode, Policies: []json.RawMessage{}, Revoked: b.Revoked, Learning: b.Learning,
		VerdictKeys: b.VerdictKeys, Registries: b.Registries, Required: b.Required}
	if !b.Expires.IsZero() {
		t := b.Expires.UTC()
		p.Expires = &t
	}
	for _, rp := range b.Policies {
		if rp == nil {
			return nil, errors.New("a policy is missing")
		}
		if err := rp.Validate(); err != nil {
			return nil, fmt.Errorf("policy %q: %w", rp.Metadata.Name, err)
		}
		raw, err := json.Marshal(rp)
		if err != nil {
			return nil, err
		}
		p.Policies = append(p.Policies, raw)
	}
	for _, l := range b.Lists {
		p.Lists = append(p.Lists, payloadList{l.Name, l.Packed()})
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return json.Marshal(p)
}

func (p *payload) check() error {
	switch {
	case p.Tenant == "" || len(p.Tenant) > MaxName || p.Group == "" || len(p.Group) > MaxName:
		return fmt.Errorf("tenant and group must be named, in at most %d bytes", MaxName)
	case p.Number == 0:
		return errors.New("the number must be at least 1")
	case p.IssuedAt.IsZero():
		return errors.New("the time of issue is missing")
	case p.Expires != nil && !p.Expires.After(p.IssuedAt):
		return errors.New("it expires before it is issued")
	case p.GroupMode != policy.Off && p.GroupMode != policy.Audit && p.GroupMode != policy.Enforce:
		return fmt.Errorf("the group's mode is %.20q", p.GroupMode)
	case len(p.Policies) > MaxPolicies:
		return fmt.Errorf("more than %d policies", MaxPolicies)
	case len(p.Revoked) > MaxRevoked:
		return fmt.Errorf("more than %d revoked images", MaxRevoked)
	case len(p.Lists) > MaxLists:
		return fmt.Errorf("more than %d reputation lists", MaxLists)
	case len(p.VerdictKeys) > MaxKeys || len(p.Registries) > MaxOrigins || len(p.Required) > MaxOrigins:
		return fmt.Errorf("more than %d keys of verdicts, or %d registries or labels", MaxKeys, MaxOrigins)
	}
	for _, k := range p.VerdictKeys {
		if len(k) != ed25519.PublicKeySize {
			return fmt.Errorf("a key of verdicts has %d bytes", len(k))
		}
	}
	for _, r := range p.Revoked {
		if r == "" || len(r) > MaxName {
			return fmt.Errorf("a revoked image must be named, in at most %d bytes", MaxName)
		}
	}
	return nil
}

// decode reads a payload whose signature has been checked.
func decode(data []byte) (*Bundle, error) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(data, &keys); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	var p payload
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&p); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	b := &Bundle{Format: Format, Tenant: p.Tenant, Group: p.Group, Epoch: p.Epoch, Number: p.Number,
		IssuedAt: p.IssuedAt, GroupMode: p.GroupMode, Revoked: p.Revoked, Learning: p.Learning,
		VerdictKeys: p.VerdictKeys, Registries: p.Registries, Required: p.Required}
	if p.Expires != nil {
		b.Expires = *p.Expires
	}
	for k := range keys {
		if !payloadKeys[k] {
			b.Unknown = append(b.Unknown, Unknown{Path: k})
		}
	}
	lists := map[string]bool{}
	for _, l := range p.Lists {
		list, err := reputation.Open(l.Name, l.Data)
		if err != nil || lists[l.Name] || !policy.ValidName(l.Name) {
			return nil, fmt.Errorf("%w: reputation list %.80q is damaged or there twice", ErrMalformed, l.Name)
		}
		lists[l.Name] = true
		b.Lists = append(b.Lists, list)
	}
	names := map[string]bool{}
	for i, raw := range p.Policies {
		rp, unknown, err := policy.ParseNewer(raw)
		if err != nil {
			return nil, fmt.Errorf("%w: policy %d: %v", ErrMalformed, i, err)
		}
		if names[rp.Metadata.Name] {
			return nil, fmt.Errorf("%w: two policies are named %q", ErrMalformed, rp.Metadata.Name)
		}
		names[rp.Metadata.Name] = true
		for _, u := range unknown {
			b.Unknown = append(b.Unknown, Unknown{Policy: rp.Metadata.Name, Path: u.Path})
		}
		b.Policies = append(b.Policies, rp)
	}
	return b, nil
}
