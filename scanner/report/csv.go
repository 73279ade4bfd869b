package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
)

// asCSV writes a line for each finding of any kind.
func asCSV(out io.Writer, r *finding.Report, _ Options) error {
	w := csv.NewWriter(out)
	line := func(cells ...string) {
		for i, c := range cells {
			cells[i] = cell(c)
		}
		_ = w.Write(cells) // the error stays until Flush
	}
	line("kind", "severity", "id", "package", "version", "fixed", "state", "path", "epss", "exploited", "title", "artifact", "digest")
	row := func(kind string, s finding.Severity, id, name, version, fixed, state string, p finding.Place, epss, exploited, title string) {
		line(kind, string(s), id, name, version, fixed, state, at(p), epss, exploited, title, r.Artifact.Name, r.Artifact.Digest)
	}
	for _, v := range r.Vulnerabilities {
		epss, exploited := "", ""
		if v.EPSS != nil {
			epss = fmt.Sprint(v.EPSS.Score)
		}
		if v.KEV != nil {
			exploited = v.KEV.Added
		}
		row("vulnerability", v.Severity, v.ID, v.Name, v.Version, v.FixedVersion, string(v.FixState), v.Place, epss, exploited, v.Title)
	}
	for _, m := range r.Malware {
		row("malware", m.Severity, m.Rule, "", "", "", "", m.Place, "", "", m.Engine+" "+m.SHA256)
	}
	for _, s := range r.Secrets {
		row("secret", s.Severity, s.Rule, "", "", "", "", s.Place, "", "", s.Title)
	}
	for _, m := range r.Misconfigurations {
		row("misconfiguration", m.Severity, m.ID, "", "", "", "", m.Place, "", "", m.Title)
	}
	for _, l := range r.Licences {
		row("licence", "", l.Name, l.Package, "", "", l.Category, l.Place, "", "", "")
	}
	w.Flush()
	return w.Error()
}

// cell makes what a spreadsheet would carry out a text.
func cell(s string) string {
	s = clean(s)
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}
