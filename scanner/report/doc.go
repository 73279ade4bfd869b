// Package report writes a finding.Report for readers: people at a terminal or
// in a browser, and the programs that pipelines hand results to. One file a
// format.
//
// It takes a sorted report and a format's name and gives bytes; equal reports
// give equal bytes, so nothing here asks the clock.
//
// It trusts no text in a report: names, titles and paths come out of images.
// Control characters, terminal sequences and characters that turn the direction
// of writing are shown as escapes in every format, a spreadsheet's formulas are
// made text, and the page for browsers allows no script and loads nothing.
package report
