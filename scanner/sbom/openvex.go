package sbom

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/openvex/go-vex/pkg/vex"
	"github.com/package-url/packageurl-go"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/match"
	"github.com/limpet-security/limpet/scanner/match/suppress"
)

// OpenVEX writes what holds of the report's vulnerabilities. What a publisher,
// another statement or an exception says is not affected stays so; a risk that
// the user accepted is affected, with the reason as the action. What was set
// aside because the distribution speaks for it is not ours to state.
func OpenVEX(w io.Writer, r *finding.Report) error {
	d := newDocument(identity(r, "openvex").URN(), r.Scanner, "scanner", when(r))
	purls := d.purls(r)
	for _, v := range r.Vulnerabilities {
		s := vex.Statement{Status: vex.StatusAffected, StatusNotes: v.Why.Compared, ActionStatement: "There is no fix yet: " + string(v.FixState)}
		if v.FixedVersion != "" {
			s.ActionStatement = fmt.Sprintf("Upgrade %s to %s", v.Name, v.FixedVersion)
		}
		d.add(r, s, v.ID, purls[v.Package], v.Aliases)
	}
	for _, v := range r.Suppressed {
		switch v.By {
		case match.ByHeaders, match.ByData:
			d.add(r, vex.Statement{Status: vex.StatusNotAffected, Justification: vex.VulnerableCodeNotPresent, ImpactStatement: v.Reason}, v.ID, purls[v.Package], nil)
		case match.ByVendor, suppress.ByVEX:
			d.add(r, vex.Statement{Status: vex.StatusNotAffected, ImpactStatement: v.Reason}, v.ID, purls[v.Package], nil)
		case suppress.ByIgnoreFile, finding.ByException:
			d.add(r, accepted(v), v.ID, purls[v.Package], nil)
		}
	}
	return d.vex.ToJSON(w)
}

// Decisions are an organisation's own statements over any number of reports:
// what exceptions set aside.
type Decisions struct{ document }

// NewDecisions begins a document with an identifier of its own.
func NewDecisions(id, scanner string, now time.Time) *Decisions {
	return &Decisions{newDocument(id, scanner, "control plane", now)}
}

// Add takes what exceptions set aside in a report.
func (d *Decisions) Add(r *finding.Report) {
	purls := d.purls(r)
	for _, v := range r.Suppressed {
		if v.By == finding.ByException {
			d.add(r, accepted(v), v.ID, purls[v.Package], nil)
		}
	}
}

// Statements counts those that were added.
func (d *Decisions) Statements() int { return len(d.vex.Statements) }

// Write writes the document.
func (d *Decisions) Write(w io.Writer) error { return d.vex.ToJSON(w) }

// accepted says what somebody decided: that the artefact is not affected, or
// that it is and the risk is taken.
func accepted(v finding.Suppressed) vex.Statement {
	words := v.Reason
	if v.Owner != "" {
		words += " (" + v.Owner + ")"
	}
	if v.Class == "notRelevant" || v.Class == "falsePositive" {
		return vex.Statement{Status: vex.StatusNotAffected, ImpactStatement: words}
	}
	if v.Expires != "" {
		words += ", until " + v.Expires
	}
	return vex.Statement{Status: vex.StatusAffected, ActionStatement: "The risk is accepted: " + words}
}

// document gathers statements.
type document struct {
	vex *vex.VEX
	now time.Time
}

func newDocument(id, scanner, role string, now time.Time) document {
	return document{&vex.VEX{Metadata: vex.Metadata{
		Context: vex.ContextLocator(), ID: id, Author: "limpet " + scanner, AuthorRole: role, Timestamp: &now, Version: 1,
	}, Statements: []vex.Statement{}}, now}
}

func (document) purls(r *finding.Report) map[string]string {
	out := map[string]string{}
	for _, p := range r.Packages {
		out[p.ID] = p.PURL
	}
	return out
}

// add states something of a package in the report's artefact; without a package
// URL there is nothing that others would recognise.
func (d document) add(r *finding.Report, s vex.Statement, id, purl string, aliases []string) {
	if purl == "" {
		return
	}
	s.Vulnerability = vex.Vulnerability{Name: vex.VulnerabilityID(id)}
	for _, a := range aliases {
		s.Vulnerability.Aliases = append(s.Vulnerability.Aliases, vex.VulnerabilityID(a))
	}
	s.Timestamp = &d.now
	s.Products = []vex.Product{product(r, purl)}
	d.vex.Statements = append(d.vex.Statements, s)
}

// product is a package within the image, or by itself.
func product(r *finding.Report, purl string) vex.Product {
	part := vex.Component{ID: purl, Identifiers: map[vex.IdentifierType]string{vex.PURL: purl}}
	if r.Artifact.Kind != finding.KindImage || r.Artifact.Digest == "" {
		return vex.Product{Component: part}
	}
	repository := r.Artifact.Name
	if len(r.Artifact.Tags) > 0 {
		repository = r.Artifact.Tags[0]
	}
	repository, _, _ = strings.Cut(repository, "@")
	if i := strings.LastIndexByte(repository, ':'); i > strings.LastIndexByte(repository, '/') {
		repository = repository[:i]
	}
	name := repository[strings.LastIndexByte(repository, '/')+1:]
	u := packageurl.NewPackageURL(packageurl.TypeOCI, "", strings.ToLower(name), r.Artifact.Digest, packageurl.Qualifiers{{Key: "repository_url", Value: repository}}, "").ToString()
	return vex.Product{Component: vex.Component{ID: u, Identifiers: map[vex.IdentifierType]string{vex.PURL: u}}, Subcomponents: []vex.Subcomponent{{Component: part}}}
}
