package verdict

import (
	"fmt"
	"sort"

	"github.com/limpet-security/limpet/internal/policy"
)

// EffectiveControl is what holds for one control after all policies are
// combined.
type EffectiveControl struct {
	Control   policy.ControlID `json:"control"`
	Mode      policy.Mode      `json:"mode"` // strongest of Sources; off if there is none
	Available bool             `json:"available"`
	Sources   []ControlSource  `json:"sources"`
	Notes     []string         `json:"notes,omitempty"`
}

// ControlSource is one policy's part in a control.
type ControlSource struct {
	Policy   string      `json:"policy"`
	Mode     policy.Mode `json:"mode"`               // what holds
	Asked    policy.Mode `json:"asked"`              // what the policy says
	Weakened string      `json:"weakened,omitempty"` // why it is weaker than asked
}

// Note is something that holds less than a policy's author may think.
type Note struct {
	Policy  string           `json:"policy"`
	Control policy.ControlID `json:"control"`
	Message string           `json:"message"`
}

// Effective gives every control in the order of policy.Registry.
func (e *Engine) Effective() []EffectiveControl {
	ids := policy.ControlIDs()
	out := make([]EffectiveControl, 0, len(ids))
	for _, id := range ids {
		ec := EffectiveControl{Control: id, Mode: policy.Off, Available: id.Available(), Sources: []ControlSource{}}
		for _, s := range e.sources {
			if s.control != id {
				continue
			}
			ec.Sources = append(ec.Sources, ControlSource{Policy: s.policy, Mode: s.mode, Asked: s.asked, Weakened: s.weakened})
			if s.mode.Stronger(ec.Mode) {
				ec.Mode = s.mode
			}
		}
		sort.Slice(ec.Sources, func(i, j int) bool { return ec.Sources[i].Policy < ec.Sources[j].Policy }) // smaller than slices.SortFunc
		for _, n := range e.notes {
			if n.Control == id {
				ec.Notes = append(ec.Notes, n.Policy+": "+n.Message)
			}
		}
		out = append(out, ec)
	}
	return out
}

// Mode gives the effective mode of one control.
func (e *Engine) Mode(id policy.ControlID) policy.Mode {
	if id == policy.SelfProtection {
		return policy.Enforce
	}
	m := policy.Off
	for _, s := range e.sources {
		if s.control == id && s.mode.Stronger(m) {
			m = s.mode
		}
	}
	return m
}

// OutOfScope names the policies that are not meant for the workload.
func (e *Engine) OutOfScope() []string { return e.outOfScope }

// Explanation says in words why a decision was made.
type Explanation struct {
	Control   policy.ControlID `json:"control"`
	Policy    string           `json:"policy"`
	Rule      policy.RuleID    `json:"rule"`
	Mode      policy.Mode      `json:"mode"`      // what held
	Asked     policy.Mode      `json:"asked"`     // what the policy says
	GroupMode policy.Mode      `json:"groupMode"` // "" if no group weakens policies
	Why       string           `json:"why"`
}

// Explain says which policy, rule and modes led to a decision.
func (e *Engine) Explain(d Decision) Explanation {
	x := Explanation{Control: d.Control, Policy: d.Policy, Rule: d.Rule, Mode: d.Mode, GroupMode: e.groupMode}
	if d.Verdict == Allow {
		x.Why = "Nothing in the policies that apply here speaks against it."
		return x
	}
	for _, s := range e.sources {
		if s.control != d.Control || s.policy != d.Policy {
			continue
		}
		x.Asked = s.asked
		x.Why = fmt.Sprintf("Rule %q of control %q in policy %q matched. ", d.Rule, d.Control.Title(), d.Policy)
		switch {
		case s.weakened != "":
			x.Why += fmt.Sprintf("The policy says %s, but %s, so it was reported and let through.", s.asked, s.weakened)
		case d.Verdict == Audit:
			x.Why += "The policy says audit, so it was reported and let through."
		case d.Stop:
			x.Why += "The policy says enforce with stopContainer, so it was denied and the workload stopped."
		case d.Kill:
			x.Why += "The policy says enforce with killProcess, so it was denied and the process killed."
		default:
			x.Why += "The policy says enforce, so it was denied."
		}
		return x
	}
	x.Why = "The policy that decided this is no longer in force."
	return x
}
