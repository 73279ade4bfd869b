// Package finding holds the words of a scan: what was looked at, what is in it,
// and what is wrong with it. A Report is what the scanner gives, assurance
// judges, the control plane stores and every output format is written from.
//
// It takes and gives plain data. Its JSON form is public (docs, `--format
// json`, the API): fields are added, never reused. Lists are sorted by Sort,
// so the same image and the same database give the same bytes.
//
// It trusts that its values were bounded by the readers that made them.
package finding
