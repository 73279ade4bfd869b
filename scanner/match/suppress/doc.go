// Package suppress sets findings aside by what people wrote: an ignore file of
// the user's own, and VEX documents (OpenVEX, CSAF, CycloneDX) of whoever
// publishes the software.
//
// It takes the bytes of such files and a finding.Report; it moves findings to
// Report.Suppressed, each with the rule or statement that did so, and gives
// warnings: a rule that has expired does nothing, one that matched nothing is
// stale. Nothing is dropped without a trace.
//
// It trusts that its caller wanted the file; its content is bounded, and a
// statement that cannot be understood suppresses nothing.
package suppress
