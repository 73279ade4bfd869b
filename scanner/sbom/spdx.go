package sbom

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"

	"github.com/limpet-security/limpet/internal/finding"
)

const noAssertion = "NOASSERTION"

// SPDX writes the packages of the report as SPDX 2.3. What SPDX has no field for
// is an annotation of the package.
func SPDX(w io.Writer, r *finding.Report) error {
	created := when(r).Format(time.RFC3339)
	doc := &v2_3.Document{
		SPDXVersion: v2_3.Version, DataLicense: v2_3.DataLicense, SPDXIdentifier: "DOCUMENT",
		DocumentName: cmp.Or(r.Artifact.Name, string(r.Artifact.Kind)), DocumentNamespace: identity(r, "spdx").URN(),
		CreationInfo: &v2_3.CreationInfo{Created: created, Creators: []common.Creator{{CreatorType: "Tool", Creator: "limpet-" + r.Scanner}}},
	}
	purpose := "CONTAINER"
	if r.Artifact.Kind != finding.KindImage {
		purpose = "APPLICATION"
	}
	top := &v2_3.Package{PackageName: doc.DocumentName, PackageSPDXIdentifier: "Artifact", PackageVersion: r.Artifact.Digest, PackageDownloadLocation: noAssertion, PrimaryPackagePurpose: purpose}
	doc.Packages = append(doc.Packages, top)
	relate := func(a, b common.ElementID, how string) {
		doc.Relationships = append(doc.Relationships, &v2_3.Relationship{RefA: common.DocElementID{ElementRefID: a}, RefB: common.DocElementID{ElementRefID: b}, Relationship: how})
	}
	relate("DOCUMENT", "Artifact", "DESCRIBES")
	if r.OS != nil {
		doc.Packages = append(doc.Packages, &v2_3.Package{PackageName: r.OS.ID, PackageSPDXIdentifier: "OperatingSystem", PackageVersion: r.OS.Version, PackageDownloadLocation: noAssertion, PrimaryPackagePurpose: "OPERATING-SYSTEM"})
		relate("Artifact", "OperatingSystem", "CONTAINS")
	}
	for i := range r.Packages {
		p := &r.Packages[i]
		id := common.ElementID("Package-" + notID.ReplaceAllString(p.ID, "-"))
		out := &v2_3.Package{PackageName: p.Name, PackageSPDXIdentifier: id, PackageVersion: p.Version, PackageDownloadLocation: noAssertion,
			PackageLicenseConcluded: noAssertion, PackageLicenseDeclared: declared(p.Licences), PackageCopyrightText: noAssertion}
		if out.PackageLicenseDeclared == noAssertion && len(p.Licences) > 0 {
			out.PackageLicenseComments = strings.Join(p.Licences, "; ")
		}
		if p.PURL != "" {
			out.PackageExternalReferences = []*v2_3.PackageExternalReference{{Category: "PACKAGE-MANAGER", RefType: "purl", Locator: p.PURL}}
		}
		for _, kv := range properties(p) {
			out.Annotations = append(out.Annotations, v2_3.Annotation{
				Annotator: common.Annotator{AnnotatorType: "Tool", Annotator: "limpet-" + r.Scanner}, AnnotationDate: created,
				AnnotationType: "OTHER", AnnotationComment: kv.name + "=" + kv.value,
			})
		}
		doc.Packages = append(doc.Packages, out)
		relate("Artifact", id, "CONTAINS")
	}
	return spdxjson.Write(doc, w, spdxjson.Indent("  "), spdxjson.EscapeHTML(false))
}

var notID = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// declared is an expression over identifiers that SPDX knows.
func declared(licences []string) string {
	var ids []string
	for _, l := range licences {
		id, ok := spdxIDs()[strings.ToLower(l)]
		if !ok {
			return noAssertion
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return noAssertion
	}
	return strings.Join(ids, " AND ")
}

func spdxDocument(data []byte) (*v2_3.Document, error) {
	doc, err := spdxjson.Read(strings.NewReader(string(data)))
	if err != nil {
		return nil, fmt.Errorf("cannot read SPDX: %w", err)
	}
	return doc, nil
}
