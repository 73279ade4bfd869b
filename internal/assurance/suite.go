package assurance

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/policy"
)

// KindSuite is what a file of policy tests says it is.
const KindSuite = "AssuranceTest"

// Suite is a file of tests of policies.
type Suite struct {
	APIVersion string      `json:"apiVersion" req:"true" doc:"Version of the document format: limpet.dev/v1."`
	Kind       string      `json:"kind" req:"true" doc:"AssuranceTest."`
	Metadata   policy.Meta `json:"metadata" req:"true" doc:"Name and description."`
	Policies   []string    `json:"policies" req:"true" max:"100" doc:"Files of the policies, relative to this one."`
	Tests      []Test      `json:"tests" req:"true" max:"1000" doc:"The tests."`
}

// Test is one report and what the policies are expected to say of it.
type Test struct {
	Name      string     `json:"name" req:"true" doc:"Name shown in results."`
	Report    string     `json:"report" req:"true" doc:"File of a report (limpet scan --format json), relative to this one."`
	Reference string     `json:"reference,omitempty" doc:"Image reference to judge by, where it is not the report's."`
	At        *time.Time `json:"at,omitempty" doc:"Time of judgement; the date of the report's database if left out."`
	Result    TestResult `json:"result" req:"true" doc:"pass, warn or fail."`
	Violated  []string   `json:"violated,omitempty" max:"1000" doc:"Controls that must be violated, as control or control/rule; if set, no others may be."`
	Excepted  []string   `json:"excepted,omitempty" max:"1000" doc:"Findings that an exception must accept, by id."`
}

// TestResult is an expected Result.
type TestResult string

// Values lists the results.
func (TestResult) Values() []string { return words(Pass, Warned, Fail) }

// Outcome is how a test went; no Problems: as expected.
type Outcome struct {
	Name     string   `json:"name"`
	Problems []string `json:"problems,omitempty"`
	Verdict  Verdict  `json:"verdict"`
}

// ParseSuite reads a file of tests.
func ParseSuite(data []byte) (*Suite, error) {
	return policy.Decode(KindSuite, data, func(s *Suite, fail policy.Place) {
		if s.APIVersion != policy.APIVersion {
			fail("apiVersion", "%q is not known here; write %s", s.APIVersion, policy.APIVersion)
		}
		if s.Kind != KindSuite {
			fail("kind", "%q is not known here; write %s", s.Kind, KindSuite)
		}
		if len(s.Policies) == 0 {
			fail("policies", "is empty; name a policy's file")
		}
		if len(s.Tests) == 0 {
			fail("tests", "is empty, so nothing is tested; add one")
		}
	})
}

// Run gives the outcome of one test.
func (t *Test) Run(policies []*Compiled, r *finding.Report) Outcome {
	s := Subject{Report: r, Reference: t.Reference}
	if t.At != nil {
		s.Now = *t.At
	}
	v := Judge(policies, s)
	out := Outcome{Name: t.Name, Verdict: v}
	problem := func(format string, args ...any) { out.Problems = append(out.Problems, fmt.Sprintf(format, args...)) }
	if v.Result != Result(t.Result) {
		problem("result is %s, expected %s", v.Result, t.Result)
	}
	var violated, excepted []string
	for _, p := range v.Policies {
		for _, w := range p.Violations {
			violated = append(violated, string(w.Control), string(w.Control)+"/"+w.Rule)
		}
		for _, x := range p.Excepted {
			excepted = append(excepted, x.Ref.ID)
		}
	}
	for _, want := range t.Violated {
		if !slices.Contains(violated, want) {
			problem("%s is not violated", want)
		}
	}
	if len(t.Violated) > 0 {
		for _, p := range v.Policies {
			for _, w := range p.Violations {
				if !slices.Contains(t.Violated, string(w.Control)) && !slices.Contains(t.Violated, string(w.Control)+"/"+w.Rule) {
					problem("%s is violated too: %s", strings.TrimSuffix(string(w.Control)+"/"+w.Rule, "/"), w.Message)
				}
			}
		}
	}
	for _, want := range t.Excepted {
		if !slices.Contains(excepted, want) {
			problem("no exception accepts %s", want)
		}
	}
	return out
}

// MaxReport bounds a report that is read from a file, in bytes.
const MaxReport = 512 << 20

// ReadReport reads a report's JSON form.
func ReadReport(data []byte) (*finding.Report, error) {
	if len(data) > MaxReport {
		return nil, fmt.Errorf("cannot read report: it is larger than %d MiB", MaxReport>>20)
	}
	var r finding.Report
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("cannot read report: %w", err)
	}
	if r.Schema == 0 || r.Artifact.Kind == "" {
		return nil, errors.New("cannot read report: it is not one; make it with limpet scan --format json")
	}
	if r.Schema > finding.SchemaVersion {
		return nil, fmt.Errorf("cannot read report: it has schema %d, this release knows %d; update limpet", r.Schema, finding.SchemaVersion)
	}
	return &r, nil
}
