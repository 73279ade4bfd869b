package vulndb

import "github.com/limpet-security/limpet/internal/finding"

// Ecosystem names where a package comes from, in OSV's spelling: "Debian:12",
// "Ubuntu:22.04", "Alpine:v3.18", "AlmaLinux:9", "Rocky Linux:9", "Red Hat:9",
// "Oracle Linux:9", "Amazon Linux:2023", "SUSE Linux Enterprise Server:15.5",
// "npm", "PyPI", "Go", "Maven", "RubyGems", "crates.io", "Packagist", "NuGet",
// "Bitnami".
type Ecosystem string

// Status is what the publisher says about its package.
type Status string

// The statuses of an advisory.
const (
	Affected    Status = "affected"            // in the ranges or versions given
	NotAffected Status = "not-affected"        // the publisher says it is not: ends the search for this id
	WontFix     Status = "will-not-fix"        // affected, and stays so
	Deferred    Status = "fix-deferred"        // affected, to be fixed some day
	Unknown     Status = "under-investigation" // affected for all we know
	EndOfLife   Status = "end-of-life"         // affected, the release gets no fixes
)

// Range is a span of versions: Introduced <= v < Fixed, or <= LastAffected.
// "0" introduces from the beginning; without an end every later version is in it.
type Range struct {
	Introduced   string
	Fixed        string
	LastAffected string
}

// Advisory is what one feed says about one package of one ecosystem.
type Advisory struct {
	ID      string   // as published: DSA-5532-1, CVE-2023-1234, GHSA-..., GO-2023-0001
	CVEs    []string // the vulnerabilities it speaks of; empty: ID alone
	Aliases []string
	Source  string // feed: "debian-tracker", "osv/PyPI", "rhel-vex", ...
	Status  Status
	Ranges  []Range
	// Versions are affected one by one; used beside Ranges.
	Versions []string
	// Severity is the publisher's own word, "" where it gives none.
	Severity finding.Severity
	FixedAt  string // date of the fix, RFC 3339, where known
	// Module is the rpm module stream that it holds for, "" for none.
	Module string
	Arches []string // empty: all
	// Symbols are the functions concerned (Go), by import path.
	Symbols []string
	URLs    []string
	// Withdrawn advisories are not stored.
}

// Detail is what is known of a vulnerability whatever it is found in.
type Detail struct {
	ID          string
	Aliases     []string
	Title       string
	Description string
	CVSS        []finding.CVSS
	Severity    finding.Severity // of the best score, or a database's word
	CWEs        []string
	Published   string
	Modified    string
	URLs        []string
	EPSS        *finding.EPSS
	KEV         *finding.KEV
	SSVC        *finding.SSVC
}
