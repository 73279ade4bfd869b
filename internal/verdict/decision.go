package verdict

import "github.com/limpet-security/limpet/internal/policy"

// Verdict is what becomes of an action.
type Verdict uint8

// Verdicts, weakest first.
const (
	Allow Verdict = iota // nothing speaks against it, or nothing is asked to
	Audit                // a violation of a control in audit mode: reported, let through
	Deny                 // a violation of a control in enforce mode
)

// String gives "allow", "audit" or "deny".
func (v Verdict) String() string {
	switch v {
	case Audit:
		return "audit"
	case Deny:
		return "deny"
	}
	return "allow"
}

// Decision is a verdict and what led to it. The zero value allows.
type Decision struct {
	Verdict Verdict
	Mode    policy.Mode      // effective mode of the control in that policy; "" when allowed
	Control policy.ControlID // "" when allowed
	Rule    policy.RuleID    // "" when allowed
	Policy  string           // metadata.name; "" when allowed
	Kill    bool             // Deny: kill the process that acts
	Stop    bool             // Deny: stop the workload; Kill is set too
}

// Allowed says that the action may happen.
func (d Decision) Allowed() bool { return d.Verdict != Deny }
