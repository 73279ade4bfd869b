package sbom

import (
	"fmt"
	"io"
	"strings"

	"github.com/openvex/go-vex/pkg/vex"
	"github.com/package-url/packageurl-go"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/match"
	"github.com/limpet-security/limpet/scanner/match/suppress"
)

// OpenVEX writes what holds of the report's vulnerabilities. What a publisher or
// another statement says is not affected stays so; a risk that the user accepted
// (an ignore file) is affected, with the reason as the action. What was set aside
// because the distribution speaks for it is not ours to state.
func OpenVEX(w io.Writer, r *finding.Report) error {
	now := when(r)
	doc := &vex.VEX{Metadata: vex.Metadata{
		Context: vex.ContextLocator(), ID: identity(r, "openvex").URN(), Author: "limpet " + r.Scanner, AuthorRole: "scanner", Timestamp: &now, Version: 1,
	}, Statements: []vex.Statement{}}
	purls := map[string]string{}
	for _, p := range r.Packages {
		purls[p.ID] = p.PURL
	}
	add := func(s vex.Statement, id, pkg string, aliases []string) {
		if purls[pkg] == "" {
			return
		}
		s.Vulnerability = vex.Vulnerability{Name: vex.VulnerabilityID(id)}
		for _, a := range aliases {
			s.Vulnerability.Aliases = append(s.Vulnerability.Aliases, vex.VulnerabilityID(a))
		}
		s.Timestamp = &now
		s.Products = []vex.Product{product(r, purls[pkg])}
		doc.Statements = append(doc.Statements, s)
	}
	for _, v := range r.Vulnerabilities {
		s := vex.Statement{Status: vex.StatusAffected, StatusNotes: v.Why.Compared, ActionStatement: "There is no fix yet: " + string(v.FixState)}
		if v.FixedVersion != "" {
			s.ActionStatement = fmt.Sprintf("Upgrade %s to %s", v.Name, v.FixedVersion)
		}
		add(s, v.ID, v.Package, v.Aliases)
	}
	for _, v := range r.Suppressed {
		switch v.By {
		case match.ByHeaders, match.ByData:
			add(vex.Statement{Status: vex.StatusNotAffected, Justification: vex.VulnerableCodeNotPresent, ImpactStatement: v.Reason}, v.ID, v.Package, nil)
		case match.ByVendor, suppress.ByVEX:
			add(vex.Statement{Status: vex.StatusNotAffected, ImpactStatement: v.Reason}, v.ID, v.Package, nil)
		case suppress.ByIgnoreFile:
			add(vex.Statement{Status: vex.StatusAffected, ActionStatement: "The risk is accepted: " + v.Reason}, v.ID, v.Package, nil)
		}
	}
	return doc.ToJSON(w)
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
