// Package ahocorasick looks for many short byte strings in one pass. It is the
// filter before the regular expressions of package sensitive and the
// signatures of package malware: what it reports is looked at more closely.
//
// It takes patterns and gives an immutable Machine, safe for several
// goroutines. ASCII letters are folded: a pattern is found in either case, and
// a caller that minds the case looks again.
//
// The states nearest to the root, where a search spends its time, have a full
// table of transitions; the deep ones keep their few edges and a failure link.
// So a set of thousands of patterns costs some megabytes instead of hundreds.
package ahocorasick
