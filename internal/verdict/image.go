package verdict

import (
	"time"

	"github.com/limpet-security/limpet/internal/attest"
	"github.com/limpet-security/limpet/internal/policy"
)

// Rules of the group itself, beside the faults of package attest.
const (
	RuleRegistry policy.RuleID = "registry" // the image comes from none of the group's registries
	RuleLabel    policy.RuleID = "label"    // the workload lacks a label that the group asks for
)

// imageCheck is what one policy asks of what is signed about the image.
type imageCheck struct {
	src    *source
	demand attest.Demand
}

func (c *compiler) images(k *policy.ImageAssuranceControl) {
	if k == nil {
		return
	}
	src := c.source(policy.ImageAssurance, k.Setting)
	if src == nil {
		return
	}
	d := attest.Demand{Keys: c.w.VerdictKeys, MaxAge: time.Duration(k.MaxAgeDays) * 24 * time.Hour}
	for _, key := range k.Keys {
		b, err := key.Bytes()
		c.fail(err)
		d.Keys = append(d.Keys[:len(d.Keys):len(d.Keys)], b)
	}
	for _, p := range k.Policies {
		d.Policies = append(d.Policies, string(p))
	}
	if len(d.Keys) == 0 {
		c.note(src, "no key is known that may sign verdicts, so no image passes")
	}
	c.e.images = append(c.e.images, imageCheck{src, d})
}

// Misplaced says why a group does not take the workload, by what is claimed of
// its image and its labels: RuleRegistry, RuleLabel, or "".
func (w *Workload) Misplaced() policy.RuleID {
	from := len(w.Registries) == 0
	for _, pattern := range w.Registries {
		from = from || matchImage(pattern, w.Image)
	}
	if !from {
		return RuleRegistry
	}
	for k, want := range w.Required {
		if got, ok := w.Labels[k]; !ok || want != "*" && got != want {
			return RuleLabel
		}
	}
	return ""
}

// AsksImage says that something is asked of the image.
func (e *Engine) AsksImage() bool { return len(e.images) > 0 || e.misplaced != "" }

// Image judges the image that the workload starts from: envelopes are what is
// signed about it, digests are those that it claims to have. The verdict is the
// one that decided, nil if there is none.
func (e *Engine) Image(envelopes [][]byte, digests []string, now time.Time) (Decision, *attest.Verdict) {
	if e.misplaced != "" && e.groupMode == policy.Enforce {
		return Decision{Verdict: Deny, Mode: policy.Enforce, Control: policy.ImageAssurance, Rule: e.misplaced}, nil
	}
	for _, c := range e.images {
		if v, fault := c.demand.Check(envelopes, digests, now); fault != "" {
			return c.src.decision(policy.RuleID(fault)), v
		}
	}
	if e.misplaced != "" && e.groupMode == policy.Audit {
		return Decision{Verdict: Audit, Mode: policy.Audit, Control: policy.ImageAssurance, Rule: e.misplaced}, nil
	}
	return Decision{}, nil
}
