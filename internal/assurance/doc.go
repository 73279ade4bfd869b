// Package assurance judges what a scan found: report x policies -> verdict.
//
// It takes finding.Reports and AssurancePolicy documents and gives a Verdict
// that names every control that failed, the findings that made it fail, the
// exceptions that were applied and what could not be judged. The same input
// gives the same verdict in the server, at the command line and in a pipeline;
// the time is part of the input (Subject.Now).
//
// What is not known counts against the artefact, and the verdict says so: a
// vulnerability without a date is old, a package of which nobody knows whether
// it is in use is in use, an expression that fails is a violation.
//
// Policies are trusted to be what their author wrote, not to be cheap:
// patterns and expressions are bounded. The package does no input or output.
package assurance
