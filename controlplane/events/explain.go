package events

import (
	"fmt"

	"github.com/limpet-security/limpet/internal/policy"
)

// Explanation says why an event got its verdict.
type Explanation struct {
	Control      string `json:"control"`
	ControlTitle string `json:"controlTitle"`
	Rule         string `json:"rule"`
	Policy       string `json:"policy"`
	Mode         string `json:"mode" doc:"The mode that held"`
	Asked        string `json:"asked" doc:"What the policy asks for now"`
	GroupMode    string `json:"groupMode" doc:"Of the group now"`
	Why          string `json:"why"`
}

// Explain puts together what the event says and how policy and group stand
// now. asked and groupMode are "" if the policy or the group is gone.
func Explain(v View, asked, groupMode string) Explanation {
	x := Explanation{
		Control: v.Control, ControlTitle: policy.ControlID(v.Control).Title(), Rule: v.Rule, Policy: v.Policy,
		Mode: v.Mode, Asked: asked, GroupMode: groupMode,
	}
	switch {
	case v.Control == string(policy.SelfProtection):
		x.Why = "This was an attempt against the enforcer itself. Self-protection is always enforced and no policy can change it."
		return x
	case v.Control == string(policy.RevokedImage):
		x.Why = "This image is revoked: somebody said that it must not start. Where the group is in enforce mode it is not let run, in audit mode it is reported. No policy can change that; restore the image instead."
		return x
	case v.Control == string(policy.ImageAssurance) && v.Policy == "":
		x.Why = "The group takes only images of its registries, and workloads with its labels. Where the group is in enforce mode others are not let run, in audit mode they are reported. No policy can change that; change the group, or the image."
		return x
	case v.Verdict == "" || v.Verdict == "allow" || v.Control == "":
		x.Why = "No rule spoke against this; it is recorded for information."
		return x
	}
	x.Why = fmt.Sprintf("The rule %q of the control %q", v.Rule, x.ControlTitle)
	if v.Policy != "" {
		x.Why += fmt.Sprintf(" in the policy %q", v.Policy)
	}
	x.Why += " matched. "
	switch {
	case v.Verdict == "deny" && v.Killed:
		x.Why += "The effective mode was enforce, so the process was killed before it could act."
	case v.Verdict == "deny" && v.ErrnoName != "":
		x.Why += fmt.Sprintf("The effective mode was enforce, so the call failed with %s.", v.ErrnoName)
	case v.Verdict == "deny":
		x.Why += "The effective mode was enforce, so it was stopped."
	case asked == string(policy.Enforce) && groupMode == string(policy.Audit):
		x.Why += "The policy asks for enforce, but the group is in audit mode and the weaker mode holds: it was let through and recorded. In enforce mode it would have been stopped."
	default:
		x.Why += "The effective mode was audit: it was let through and recorded. In enforce mode it would have been stopped."
	}
	return x
}
