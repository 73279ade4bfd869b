package assurance

// Result is how an artefact came out.
type Result string

// The results, best first.
const (
	Pass   Result = "pass"
	Warned Result = "warn"
	Fail   Result = "fail"
)

// MaxRefs bounds the findings that a violation lists; Count is exact.
const MaxRefs = 200

// Verdict is what the policies say of one artefact.
type Verdict struct {
	Result   Result          `json:"result"`
	Policies []PolicyVerdict `json:"policies"` // those whose scope it is in, by name
}

// PolicyVerdict is what one policy says.
type PolicyVerdict struct {
	Policy     string      `json:"policy"`
	Number     int64       `json:"number,omitempty"` // version of the policy on its server; 0: it came from a file
	Digest     string      `json:"digest,omitempty"` // of its canonical text
	Result     Result      `json:"result"`
	Message    string      `json:"message,omitempty"`
	Violations []Violation `json:"violations,omitempty"`
	// Excepted are findings that an exception accepted.
	Excepted []Excepted `json:"excepted,omitempty"`
	// Expired and Unused are exceptions that no longer hold, or met nothing.
	Expired []string `json:"expiredExceptions,omitempty"`
	Unused  []string `json:"unusedExceptions,omitempty"`
	// NotJudged says what could not be judged, and how it was counted.
	NotJudged []string `json:"notJudged,omitempty"`
}

// Violation is one rule of one control that failed.
type Violation struct {
	Control ControlID `json:"control"`
	Rule    string    `json:"rule,omitempty"` // "rules[2]", or the name that its author gave it
	Mode    Mode      `json:"mode"`           // in force: audit while enforceAfterDays runs
	Message string    `json:"message"`
	Count   int       `json:"count"`
	Refs    []Ref     `json:"refs,omitempty"`
}

// Ref points at a finding of the report.
type Ref struct {
	ID      string `json:"id"`                // vulnerability, rule, check, licence, label
	Package string `json:"package,omitempty"` // name
	Version string `json:"version,omitempty"`
	Path    string `json:"path,omitempty"`
	Detail  string `json:"detail,omitempty"`
}

// Excepted is a finding that was accepted.
type Excepted struct {
	Exception string    `json:"exception"`
	Control   ControlID `json:"control"`
	Ref       Ref       `json:"ref"`
	// Standing says that it is an object of its own (kind Exception), not part of the policy.
	Standing    bool        `json:"standing,omitempty"`
	Reason      string      `json:"reason"`
	ReasonClass ReasonClass `json:"reasonClass,omitempty"`
	Owner       string      `json:"owner"`
	Expires     string      `json:"expires,omitempty"`
}

// Worst gives the worse of two results.
func (r Result) Worst(o Result) Result {
	if o.worse(r) {
		return o
	}
	return r
}

func (r Result) worse(than Result) bool {
	rank := map[Result]int{Pass: 0, Warned: 1, Fail: 2}
	return rank[r] > rank[than]
}

func resultOf(m Mode) Result {
	switch m {
	case Block:
		return Fail
	case Warn:
		return Warned
	}
	return Pass
}
