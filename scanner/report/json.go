package report

import (
	"encoding/json"
	"io"

	"github.com/limpet-security/limpet/internal/finding"
)

func asJSON(w io.Writer, r *finding.Report, _ Options) error { return encode(w, r) }

// encode writes a value as indented JSON without control characters. The
// encoder writes whole values, so no character is ever cut in two.
func encode(w io.Writer, v any) error {
	e := json.NewEncoder(escaped{w})
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
