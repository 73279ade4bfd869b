package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Failure *junitFailure `xml:"failure,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

// junit writes each finding as a failed test, and a passed one for each kind
// that nothing was found of.
func junit(w io.Writer, r *finding.Report, _ Options) error {
	all := junitSuites{Name: "limpet scan " + clean(r.Artifact.Name)}
	suite := func(name string, cases []junitCase) {
		s := junitSuite{Name: name, Tests: len(cases), Failures: len(cases), Cases: cases}
		if len(cases) == 0 {
			s.Tests, s.Cases = 1, []junitCase{{Class: name, Name: "nothing found"}}
		}
		all.Tests, all.Failures = all.Tests+s.Tests, all.Failures+s.Failures
		all.Suites = append(all.Suites, s)
	}
	failed := func(class, name string, sev finding.Severity, message, text string) junitCase {
		return junitCase{Class: clean(class), Name: oneLine(name), Failure: &junitFailure{Type: string(sev), Message: oneLine(message), Text: clean(strings.TrimSpace(text))}}
	}
	var integrity []junitCase
	if r.Integrity.Verdict != finding.Complete {
		var text []string
		for _, a := range r.Integrity.Anomalies {
			text = append(text, a.Code+" "+at(finding.Place{Path: a.Path})+" "+a.Detail)
		}
		integrity = append(integrity, failed("integrity", string(r.Integrity.Verdict), finding.High, "the report does not speak for all of it", strings.Join(text, "; ")))
	}
	for _, c := range r.Coverage {
		if !c.Data {
			integrity = append(integrity, failed("coverage", c.Ecosystem, finding.Unknown, "no data", c.Detail))
		}
	}
	suite("integrity", integrity)
	if r.Database != nil {
		suite("vulnerabilities", cases(r.Vulnerabilities, func(v finding.Vulnerability) junitCase {
			return failed(v.Why.Ecosystem, fmt.Sprintf("%s %s %s", v.ID, v.Name, v.Version), v.Severity, fixOf(v), v.Title+"\n"+v.Why.Compared)
		}))
	}
	suite("malware", cases(r.Malware, func(m finding.Malware) junitCase {
		return failed("malware", m.Rule+" "+at(m.Place), m.Severity, m.Rule, m.Engine+" "+m.SHA256)
	}))
	suite("secrets", cases(r.Secrets, func(s finding.Secret) junitCase {
		return failed("secrets", s.Rule+" "+at(s.Place), s.Severity, s.Title, s.Masked)
	}))
	suite("misconfigurations", cases(r.Misconfigurations, func(m finding.Misconfiguration) junitCase {
		return failed("misconfigurations", m.ID+" "+at(m.Place), m.Severity, m.Title, m.Message+"\n"+m.Resolution)
	}))
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func cases[T any](list []T, one func(T) junitCase) []junitCase {
	var all []junitCase
	for _, v := range list {
		all = append(all, one(v))
	}
	return all
}
