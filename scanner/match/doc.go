// Package match says which advisories hold for the packages of a report.
//
// It takes a finding.Report with its packages and OS, and a Source of
// advisories; it fills in vulnerabilities, what was set aside and why, and per
// ecosystem whether there was anything to match with. The same report and the
// same source give the same result: nothing depends on the clock, and the end of
// a release's life is judged by the date of the database.
//
// A distribution speaks for what its package manager installed: language
// packages that belong to such a package are matched, and their findings are
// set aside with the owner as the reason. Names and versions are those of the
// source package where the distribution writes its advisories for it, of the
// binary package where it does not.
//
// It trusts the source (its signature was checked by who opened it) and not the
// report: versions are anything, and a comparison that fails or panics is told in
// the ecosystem's coverage.
package match
