package assurance

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/limpet-security/limpet/internal/finding"
)

// Subject is what is judged: the report, and what the report cannot say.
type Subject struct {
	Report *finding.Report
	// Reference is the image's name as policies know it; empty: the artefact's name.
	Reference string
	// Now is the time of judgement. The zero value is the database's date:
	// the same report then always gets the same verdict.
	Now time.Time
	// ScannedAt is when the report was made; zero: not known.
	ScannedAt time.Time
	// Since says when a policy was assigned, for enforceAfterDays; nil, or the
	// zero time: it is in force.
	Since func(policy string) time.Time
	// Numbers are the versions of policies on their server, for signed verdicts.
	Numbers map[string]int64
	// FirstSeen says when a vulnerability was first seen in this artefact.
	FirstSeen func(id, packageID string) (time.Time, bool)
	// InUse says whether a running workload has loaded a package.
	InUse func(packageID string) (used, known bool)
	// Signatures are those that were verified; nil: nobody looked.
	Signatures []Signature
	// FirstSeenAnywhere says when a vulnerability was first seen in any artefact.
	FirstSeenAnywhere func(id string) (time.Time, bool)
	// Stage is where it is judged; empty: nobody says.
	Stage Stage
	// Exceptions stand beside the policies: each heeds them.
	Exceptions *Exceptions
	// Code is the digest of a function's code as it is deployed now; empty: nobody says.
	Code string
	// Wrapped says that the image was seen to hold a MicroEnforcer; the label
	// that wrapping sets says so otherwise.
	Wrapped bool
}

// Signature is one verified signature.
type Signature struct {
	Key      string
	Identity string
	Issuer   string
}

// Judge asks every policy whose scope the subject is in. Policies are listed by
// name; no policy at all is a pass.
func Judge(policies []*Compiled, s Subject) Verdict {
	if s.Reference == "" {
		s.Reference = s.Report.Artifact.Name
	}
	if s.Now.IsZero() && s.Report.Database != nil {
		s.Now = s.Report.Database.Built
	}
	v := Verdict{Result: Pass, Policies: []PolicyVerdict{}}
	var standing standing
	if s.Exceptions != nil {
		standing = s.Exceptions.concerning(&s)
	}
	for _, c := range policies {
		if !c.covers(&s) {
			continue
		}
		pv := c.judge(&s, &standing)
		if pv.Result.worse(v.Result) {
			v.Result = pv.Result
		}
		v.Policies = append(v.Policies, pv)
	}
	slices.SortStableFunc(v.Policies, func(a, b PolicyVerdict) int { return strings.Compare(a.Policy, b.Policy) })
	return v
}

// covers says that the subject is in the policy's scope.
func (c *Compiled) covers(s *Subject) bool {
	scope := c.policy.Spec.Scope
	if len(scope.Kinds) > 0 && !slices.Contains(scope.Kinds, ArtifactKind(s.Report.Artifact.Kind)) {
		return false
	}
	if len(c.scope) > 0 && !c.scope.image(s.Reference) {
		return false
	}
	if len(scope.Stages) > 0 && s.Stage != "" && !slices.Contains(scope.Stages, s.Stage) {
		return false
	}
	labels := labelsOf(s.Report)
	for k, want := range scope.Labels {
		if !carries(labels, k, want) {
			return false
		}
	}
	for k, want := range scope.ExceptLabels {
		if carries(labels, k, want) {
			return false
		}
	}
	return !c.exceptScope.image(s.Reference)
}

// carries says that labels have a key with a value; * stands for any.
func carries(labels map[string]string, key, want string) bool {
	got, ok := labels[key]
	return ok && (want == "*" || got == want)
}

// Covers says, by what is known of an artefact without its report, whether it
// may be in the policy's scope.
func (c *Compiled) Covers(kind finding.Kind, reference string, labels map[string]string, stage Stage) bool {
	r := finding.Report{Artifact: finding.Artifact{Kind: kind, Name: reference, Image: &finding.Config{Labels: labels}}}
	return c.covers(&Subject{Report: &r, Reference: reference, Stage: stage})
}

func labelsOf(r *finding.Report) map[string]string {
	if r.Artifact.Image == nil {
		return nil
	}
	return r.Artifact.Image.Labels
}

// run is one policy judging one subject.
type run struct {
	*Compiled
	subject  *Subject
	standing *standing
	report   *finding.Report
	packages map[string]*finding.Package // by ID
	grace    bool                        // enforceAfterDays still runs
	out      PolicyVerdict
	used     []bool // exceptions that met something
	unknown  map[string]bool
}

func (c *Compiled) judge(s *Subject, standing *standing) PolicyVerdict {
	r := &run{
		Compiled: c, subject: s, standing: standing, report: s.Report, packages: packagesOf(s.Report),
		out: PolicyVerdict{Policy: c.policy.Metadata.Name, Number: s.Numbers[c.policy.Metadata.Name], Digest: c.digest, Result: Pass}, used: make([]bool, len(c.exceptions)), unknown: map[string]bool{},
	}
	if n := c.policy.Spec.EnforceAfterDays; n > 0 && s.Since != nil {
		since := s.Since(c.policy.Metadata.Name)
		r.grace = !since.IsZero() && s.Now.Before(since.AddDate(0, 0, n))
	}
	for _, k := range c.controls {
		k.judge(r, k.id, k.mode)
	}
	r.finish()
	return r.out
}

// finish says which exceptions were of no use, and what was not judged.
func (r *run) finish() {
	for i := range r.exceptions {
		x := &r.exceptions[i]
		switch {
		case x.expired(r.subject.Now):
			r.out.Expired = append(r.out.Expired, x.name)
		case !r.used[i] && x.concerns(r.subject):
			r.out.Unused = append(r.out.Unused, x.name)
		}
	}
	for what := range r.unknown {
		r.out.NotJudged = append(r.out.NotJudged, what)
	}
	slices.Sort(r.out.NotJudged)
	if r.out.Result != Pass {
		r.out.Message = r.policy.Spec.Message
	}
}

// notKnown notes what could not be judged, and how it was counted.
func (r *run) notKnown(format string, args ...any) { r.unknown[fmt.Sprintf(format, args...)] = true }

// candidate is a finding that would violate a control.
type candidate struct {
	Ref
	paths   []string
	aliases []string // other names of it
}

// violated records a violation by the candidates that no exception accepts, if
// there are at least least of them. message says it for so many.
func (r *run) violated(id ControlID, mode Mode, rule string, least int, found []candidate, message func(n int) string) {
	var left []Ref
	for _, f := range found {
		if len(f.paths) > 0 && r.ignored(f.paths) {
			continue
		}
		if x := r.exceptionFor(id, f); x != nil {
			r.out.Excepted = append(r.out.Excepted, Excepted{
				Exception: x.name, Standing: x.standing, Control: id, Ref: f.Ref, Reason: x.Reason, ReasonClass: x.ReasonClass, Owner: x.Owner, Expires: x.until(),
			})
			continue
		}
		left = append(left, f.Ref)
	}
	if len(left) == 0 || len(left) < least {
		return
	}
	if r.grace {
		mode = Audit
	}
	v := Violation{Control: id, Rule: rule, Mode: mode, Message: message(len(left)), Count: len(left), Refs: left[:min(len(left), MaxRefs)]}
	r.out.Violations = append(r.out.Violations, v)
	if res := resultOf(mode); res.worse(r.out.Result) {
		r.out.Result = res
	}
}

// ignored says that everything lies below paths that the policy does not look at.
func (r *run) ignored(paths []string) bool {
	return len(r.ignore) > 0 && !slices.ContainsFunc(paths, func(p string) bool { return !r.ignore.match(p) })
}

func placePaths(places ...finding.Place) []string {
	var out []string
	for _, p := range places {
		if p.Path != "" {
			out = append(out, p.Path)
		}
	}
	return out
}

// counted gives "1 secret" and "3 secrets".
func counted(n int, one string) string {
	switch {
	case n == 1:
		return "1 " + one
	case strings.HasSuffix(one, "y"):
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(one, "y"))
	}
	return fmt.Sprintf("%d %ss", n, one)
}
