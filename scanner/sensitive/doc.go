// Package sensitive finds credentials and files that should not be in an image.
//
// It takes one file's path and beginning, or an image's configuration, and
// gives finding.Secrets. Three things look at a file:
//
//   - Rules: token formats as data (rules_*.go). One pass of an Aho-Corasick
//     machine finds their keywords, and only there a regular expression looks
//     at a bounded window. What a format lets us verify without a network is
//     verified (structure.go): checksums, decoded JSON, DER.
//   - Assignments: NAME = value in configuration files, where the name speaks
//     of a password, a key or a token, and the value is no placeholder.
//   - Files that are known by name and content: shadow, .netrc, key stores.
//
// Noise is the enemy of such findings. Placeholders are left out; documentation,
// tests and examples, and folders that package managers own, are looked at with
// the verified formats only, and those findings are of low severity (noise.go).
//
// It trusts nothing of a file. Work is bounded: a window is at most 32 KiB, a
// rule at most MaxPerRule findings in a file, and at most maxLooks windows in
// a file. A secret itself is never kept: mask.go leaves its kind and its ends.
//
// Facts about token formats come from the providers' own documentation and from
// the rule file of gitleaks (https://github.com/gitleaks/gitleaks, MIT licence,
// copyright (c) 2019 Zachary Rice).
package sensitive
