package sbom

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/limpet-security/limpet/internal/finding"
)

// Limits of a document that is read.
const (
	MaxBytes    = 64 << 20
	MaxPackages = 200_000
	maxDepth    = 64 // components within components
)

// ErrFormat is of a document that is neither CycloneDX nor SPDX as JSON.
var ErrFormat = errors.New("neither CycloneDX nor SPDX as JSON")

// Read reads a bill of materials as a report. Its components are packages,
// also those that matching knows nothing of: it then says so.
func Read(data []byte, name string) (*finding.Report, error) {
	r := &finding.Report{Schema: finding.SchemaVersion, Artifact: finding.Artifact{Kind: finding.KindSBOM, Name: name}}
	r.Integrity.Verdict = finding.Complete
	err := read(r, data)
	if err != nil {
		return nil, fmt.Errorf("cannot read bill of materials %s: %w", name, err)
	}
	r.Sort()
	return r, nil
}

func read(r *finding.Report, data []byte) (err error) {
	// Both libraries dereference what a document leaves out.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrFormat, p)
		}
	}()
	if len(data) > MaxBytes {
		return fmt.Errorf("it has %d bytes, at most %d", len(data), MaxBytes)
	}
	var head struct {
		BOM  string `json:"bomFormat"`
		SPDX string `json:"spdxVersion"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	in := &reader{report: r, systems: map[finding.OS]int{}, seen: map[string]bool{}, refs: map[string]string{}}
	switch {
	case head.BOM == "CycloneDX":
		err = in.cycloneDX(data)
	case strings.HasPrefix(head.SPDX, "SPDX-2."):
		err = in.spdx(data)
	default:
		err = ErrFormat
	}
	if err != nil {
		return err
	}
	in.finish()
	return nil
}

// reader makes packages of components.
type reader struct {
	report   *finding.Report
	systems  map[finding.OS]int // how many packages name it
	seen     map[string]bool
	refs     map[string]string // a document's reference -> Package.ID
	overflow bool
}

func (in *reader) cycloneDX(data []byte) error {
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(data), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		return fmt.Errorf("cannot read CycloneDX: %w", err)
	}
	if bom.Metadata != nil && bom.Metadata.Component != nil {
		in.report.Artifact.Digest = digestOf(bom.Metadata.Component.Version)
	}
	return in.components(bom.Components, 0)
}

func (in *reader) components(list *[]cdx.Component, depth int) error {
	if list == nil {
		return nil
	}
	if depth > maxDepth {
		return fmt.Errorf("components are nested deeper than %d", maxDepth)
	}
	for i := range *list {
		c := &(*list)[i]
		if c.Type == cdx.ComponentTypeOS {
			in.system(finding.OS{ID: strings.ToLower(c.Name), Version: c.Version, Name: c.Description})
		} else if c.PackageURL != "" || c.Type == cdx.ComponentTypeLibrary {
			var licences []string
			if c.Licenses != nil {
				for _, l := range *c.Licenses {
					if l.License != nil {
						licences = append(licences, l.License.ID+l.License.Name)
					} else if l.Expression != "" {
						licences = append(licences, l.Expression)
					}
				}
			}
			var props []pair
			if c.Properties != nil {
				for _, p := range *c.Properties {
					props = append(props, pair{p.Name, p.Value})
				}
			}
			in.add(c.BOMRef, c.Name, c.PackageURL, licences, props)
		}
		if err := in.components(c.Components, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (in *reader) spdx(data []byte) error {
	doc, err := spdxDocument(data)
	if err != nil {
		return err
	}
	for _, p := range doc.Packages {
		if p == nil {
			continue
		}
		switch p.PrimaryPackagePurpose {
		case "OPERATING-SYSTEM", "OPERATING_SYSTEM":
			in.system(finding.OS{ID: strings.ToLower(p.PackageName), Version: p.PackageVersion})
			continue
		case "CONTAINER":
			in.report.Artifact.Digest = digestOf(p.PackageVersion)
			continue
		}
		u := ""
		for _, ref := range p.PackageExternalReferences {
			if ref != nil && ref.RefType == "purl" {
				u = ref.Locator
			}
		}
		if u == "" && p.PackageSPDXIdentifier == "Artifact" {
			continue // ours, of what is no image
		}
		var props []pair
		for _, a := range p.Annotations {
			if name, value, ok := strings.Cut(a.AnnotationComment, "="); ok {
				props = append(props, pair{name, value})
			}
		}
		var licences []string
		if l := p.PackageLicenseDeclared; l != "" && l != noAssertion && l != "NONE" {
			licences = strings.Split(l, " AND ")
		}
		in.add(strings.TrimPrefix(string(p.PackageSPDXIdentifier), "Package-"), p.PackageName, u, licences, props)
	}
	return nil
}

func digestOf(version string) string {
	if strings.HasPrefix(version, "sha256:") {
		return version
	}
	return ""
}

func (in *reader) system(os finding.OS) {
	if in.report.OS == nil && os.ID != "" {
		in.report.OS = &os
	}
}

// add makes a package of a component.
func (in *reader) add(ref, name, purl string, licences []string, props []pair) {
	p, os := fromPURL(purl, name)
	if len(in.report.Packages) >= MaxPackages {
		in.overflow = true
		return
	}
	if os.ID != "" {
		in.systems[os]++
	}
	p.Licences = licences
	for _, kv := range props {
		set(&p, kv)
	}
	if p.Evidence == "" {
		p.Evidence = "bill of materials"
	}
	p.ID = idOf(&p, len(in.report.Packages))
	if in.seen[p.ID] {
		return
	}
	in.seen[p.ID] = true
	in.refs[ref] = p.ID
	in.report.Packages = append(in.report.Packages, p)
}

// finish settles what needs all components: the operating system by the most
// packages, owners by their references, and what was left out.
func (in *reader) finish() {
	r := in.report
	if r.OS == nil {
		best := finding.OS{}
		for os, n := range in.systems {
			if n > in.systems[best] || n == in.systems[best] && os.ID+os.Version < best.ID+best.Version {
				best = os
			}
		}
		if best.ID != "" {
			r.OS = &best
		}
	}
	for i := range r.Packages {
		if owner := r.Packages[i].OwnedBy; owner != "" {
			r.Packages[i].OwnedBy = in.refs[owner]
		}
	}
	if in.overflow {
		r.Integrity.Note(finding.Anomaly{Code: "limit-packages", Effect: finding.Partial, Detail: fmt.Sprintf("only the first %d packages were taken", MaxPackages)})
	}
	if len(r.Packages) == 0 {
		r.Integrity.Note(finding.Anomaly{Code: "sbom-empty", Effect: finding.Partial, Detail: "it names no package"})
	}
}
