package sbom

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/limpet-security/limpet/internal/finding"
)

// CycloneDX writes the report as CycloneDX 1.6, with its vulnerabilities where
// it was matched.
func CycloneDX(w io.Writer, r *finding.Report) error {
	bom := cdx.NewBOM()
	bom.JSONSchema, bom.SpecVersion = "http://cyclonedx.org/schema/bom-1.6.schema.json", cdx.SpecVersion1_6
	bom.SerialNumber = identity(r, "cyclonedx").URN()
	kind := cdx.ComponentTypeContainer
	if r.Artifact.Kind != finding.KindImage {
		kind = cdx.ComponentTypeApplication
	}
	top := &cdx.Component{BOMRef: "artifact", Type: kind, Name: r.Artifact.Name, Version: r.Artifact.Digest}
	var facts []cdx.Property
	for _, kv := range []pair{{"limpet:kind", string(r.Artifact.Kind)}, {"limpet:platform", r.Artifact.Platform}, {"limpet:imageID", r.Artifact.ID}, {"limpet:integrity", string(r.Integrity.Verdict)}} {
		if kv.value != "" {
			facts = append(facts, cdx.Property{Name: kv.name, Value: kv.value})
		}
	}
	top.Properties = &facts
	bom.Metadata = &cdx.Metadata{
		Timestamp: when(r).Format(time.RFC3339), Component: top,
		Tools: &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: "limpet", Version: r.Scanner}}},
	}
	components, depends := []cdx.Component{}, []string{}
	if r.OS != nil {
		components = append(components, cdx.Component{BOMRef: "os", Type: cdx.ComponentTypeOS, Name: r.OS.ID, Version: r.OS.Version, Description: r.OS.Name})
		depends = append(depends, "os")
	}
	for i := range r.Packages {
		components = append(components, component(&r.Packages[i]))
		depends = append(depends, r.Packages[i].ID)
	}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: "artifact", Dependencies: &depends}}
	if r.Database != nil {
		vs := make([]cdx.Vulnerability, 0, len(r.Vulnerabilities))
		for i := range r.Vulnerabilities {
			vs = append(vs, vulnerability(&r.Vulnerabilities[i]))
		}
		bom.Vulnerabilities = &vs
	}
	return cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).Encode(bom)
}

func component(p *finding.Package) cdx.Component {
	c := cdx.Component{BOMRef: p.ID, Type: cdx.ComponentTypeLibrary, Name: p.Name, Version: p.Version, PackageURL: p.PURL}
	if p.Type == finding.Maven {
		if group, name, ok := strings.Cut(p.Name, ":"); ok {
			c.Group, c.Name = group, name
		}
	}
	var licences cdx.Licenses
	for _, l := range p.Licences {
		if id, ok := spdxIDs()[strings.ToLower(l)]; ok {
			licences = append(licences, cdx.LicenseChoice{License: &cdx.License{ID: id}})
		} else if l != "" {
			licences = append(licences, cdx.LicenseChoice{License: &cdx.License{Name: l}})
		}
	}
	if len(licences) > 0 {
		c.Licenses = &licences
	}
	var props []cdx.Property
	for _, kv := range properties(p) {
		props = append(props, cdx.Property{Name: kv.name, Value: kv.value})
	}
	if len(props) > 0 {
		c.Properties = &props
	}
	return c
}

var methods = map[string]cdx.ScoringMethod{"2.0": cdx.ScoringMethodCVSSv2, "3.0": cdx.ScoringMethodCVSSv3, "3.1": cdx.ScoringMethodCVSSv31, "4.0": cdx.ScoringMethodCVSSv4}

func vulnerability(v *finding.Vulnerability) cdx.Vulnerability {
	c := cdx.Vulnerability{
		BOMRef: v.ID + "/" + v.Package, ID: v.ID, Description: v.Title, Detail: v.Description,
		Affects: &[]cdx.Affects{{Ref: v.Package, Range: &[]cdx.AffectedVersions{{Version: v.Version, Status: cdx.VulnerabilityStatusAffected}}}},
	}
	if v.Why.Source != "" {
		c.Source = &cdx.Source{Name: v.Why.Source}
	}
	var ratings []cdx.VulnerabilityRating
	if v.SeveritySource != "" {
		ratings = append(ratings, cdx.VulnerabilityRating{Source: &cdx.Source{Name: v.SeveritySource}, Severity: cdxSeverity(v.Severity), Method: cdx.ScoringMethodOther})
	}
	for i := range v.CVSS {
		s := &v.CVSS[i]
		method := methods[s.Version]
		if method == "" {
			method = cdx.ScoringMethodOther
		}
		ratings = append(ratings, cdx.VulnerabilityRating{Source: &cdx.Source{Name: s.Source}, Score: &s.Score, Method: method, Vector: s.Vector})
	}
	if len(ratings) > 0 {
		c.Ratings = &ratings
	}
	var cwes []int
	for _, w := range v.CWEs {
		if n, err := strconv.Atoi(strings.TrimPrefix(w, "CWE-")); err == nil && n > 0 {
			cwes = append(cwes, n)
		}
	}
	if len(cwes) > 0 {
		c.CWEs = &cwes
	}
	if v.FixedVersion != "" {
		c.Recommendation = fmt.Sprintf("Upgrade %s to %s", v.Name, v.FixedVersion)
	}
	c.Published, c.Updated = moment(v.Published), moment(v.Modified)
	return c
}

func cdxSeverity(s finding.Severity) cdx.Severity {
	if s == finding.Negligible {
		return cdx.SeverityInfo
	}
	return cdx.Severity(s)
}

// moment is a time as the schema wants it, "" for what is none.
func moment(s string) string {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
