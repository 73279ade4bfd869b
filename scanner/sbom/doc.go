// Package sbom writes the packages of a report as a bill of materials, and reads
// one as a report: CycloneDX 1.6 and SPDX 2.3, both as JSON, and OpenVEX for what
// holds of the vulnerabilities.
//
// It takes a finding.Report and gives a document, or takes a document and gives
// a report of kind sbom. What we write can be read back without loss of what
// matching needs: source packages, modules, owners, paths. Times and identifiers
// are derived from the report's content, so equal reports give equal bytes.
//
// It trusts no document: its size and its number of packages are bounded, a
// component without a package URL stays in the report as a package that nothing
// is known of.
//
// spdx.txt lists the identifiers of SPDX's licence list 3.17.
package sbom
