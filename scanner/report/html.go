package report

import (
	_ "embed" // the page and its style
	"html/template"
	"io"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
)

var (
	//go:embed page.html
	pageText string
	//go:embed page.css
	pageStyle string
)

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"clean": clean, "one": oneLine, "at": func(p finding.Place) string { return clean(at(p)) },
	"fix": func(v finding.Vulnerability) string { return clean(fixOf(v)) }, "remarks": remarks,
	"link": func(urls []string) string {
		for _, u := range urls {
			if strings.HasPrefix(u, "https://") {
				return clean(u)
			}
		}
		return ""
	},
	"step": func(s step) string { return clean(s.String()) },
}).Parse(pageText))

// html writes one page that needs nothing else: no script, no font, no picture
// from elsewhere, and a policy that says so to the browser.
func html(w io.Writer, r *finding.Report, _ Options) error {
	by, exploited, fixable := counted(r.Vulnerabilities)
	return page.Execute(w, map[string]any{
		"R": r, "Style": template.CSS(pageStyle), //nolint:gosec // our own file
		"Policy":  stylePolicy(),
		"Summary": by.String(), "Exploited": exploited, "Fixable": fixable,
		"Complete": r.Integrity.Verdict == finding.Complete,
		"Steps":    fixFirst(r.Vulnerabilities, fixSteps),
	})
}
