package report

import (
	"encoding/json"
	stdhtml "html"
	"io"
	"strings"
	"text/template"

	"github.com/limpet-security/limpet/internal/finding"
)

// fromTemplate fills a text/template of the user's. It can shape text and no
// more: no function reads a file, the environment or the clock. Its dot is the
// finding.Report.
func fromTemplate(w io.Writer, r *finding.Report, o Options) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"clean": clean,
		"csv":   func(s string) string { return `"` + strings.ReplaceAll(cell(s), `"`, `""`) + `"` },
		"html":  func(s string) string { return stdhtml.EscapeString(clean(s)) },
		"xml":   func(s string) string { return stdhtml.EscapeString(clean(s)) },
		"json": func(v any) (string, error) {
			b := strings.Builder{}
			e := json.NewEncoder(escaped{&b})
			err := e.Encode(v)
			return strings.TrimSuffix(b.String(), "\n"), err
		},
		"lower": strings.ToLower, "upper": strings.ToUpper, "join": strings.Join, "contains": strings.Contains, "replace": strings.ReplaceAll,
		"at":       at,
		"fixFirst": func(r *finding.Report) []step { return fixFirst(r.Vulnerabilities, fixSteps) },
	}).Option("missingkey=error").Parse(o.Template)
	if err != nil {
		return err
	}
	return t.Execute(w, r)
}
