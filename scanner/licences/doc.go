// Package licences says under which licences packages and files are.
//
// It takes files of licences (LICENSE, COPYING, NOTICE; recognised by
// google/licensecheck), Debian's copyright files (the machine-readable form,
// DEP-5, by its License fields; others by their text), and the names that
// package metadata gives. It gives SPDX ids, expressions, and a category each
// (categories.go), which is a rule of thumb for policies and no legal advice.
//
// It trusts nothing of a file; it reads at most MaxBytes of one.
package licences
