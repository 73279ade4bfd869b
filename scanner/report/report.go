package report

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/sbom"
)

// Options say how to write; only some formats ask.
type Options struct {
	Color      bool   // table: for a terminal that shows colours
	Width      int    // table: columns of the terminal, 0: do not cut lines
	Suppressed bool   // table: list what was set aside
	Template   string // template: its text
}

type writer func(io.Writer, *finding.Report, Options) error

var formats = map[string]writer{
	"table": table, "json": asJSON, "sarif": sarif, "junit": junit, "html": html, "gitlab": gitlab, "csv": asCSV, "template": fromTemplate,
	"cyclonedx": document(sbom.CycloneDX), "spdx-json": document(sbom.SPDX), "openvex": document(sbom.OpenVEX),
}

// Formats lists the formats by name.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }

// Write writes the report in a format.
func Write(w io.Writer, format string, r *finding.Report, o Options) error {
	f, ok := formats[format]
	if !ok {
		return fmt.Errorf("cannot write a report as %.40q: want one of %s", format, strings.Join(Formats(), ", "))
	}
	if err := f(w, r, o); err != nil {
		return fmt.Errorf("cannot write the report as %s: %w", format, err)
	}
	return nil
}

// document writes JSON that a library made, without control characters.
func document(f func(io.Writer, *finding.Report) error) writer {
	return func(w io.Writer, r *finding.Report, _ Options) error {
		var b bytes.Buffer
		if err := f(&b, r); err != nil {
			return err
		}
		_, err := escaped{w}.Write(b.Bytes())
		return err
	}
}

// summary counts by severity.
type summary map[finding.Severity]int

var severities = []finding.Severity{finding.Critical, finding.High, finding.Medium, finding.Low, finding.Negligible, finding.Unknown}

func (s summary) String() string {
	var parts []string
	for _, sev := range severities {
		if s[sev] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", s[sev], sev))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// counted counts the vulnerabilities of a report.
func counted(vs []finding.Vulnerability) (by summary, exploited, fixable int) {
	by = summary{}
	for _, v := range vs {
		by[v.Severity]++
		if v.KEV != nil {
			exploited++
		}
		if v.FixedVersion != "" {
			fixable++
		}
	}
	return by, exploited, fixable
}
