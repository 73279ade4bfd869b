package report

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"html/template"
	"io"
	"iter"
	"time"
)

// Sheet is a list of any length for readers: what it is, its columns, its rows.
type Sheet struct {
	Title   string
	Notes   []string // sentences that stand above the rows; CSV leaves them out
	At      time.Time
	Columns []Column
	Rows    iter.Seq2[[]string, error] // a row has a cell for each column
}

// Column is one of a sheet.
type Column struct {
	Name  string
	Width float64 // share of a printed line
}

// MaxPrinted is how many rows a PDF has at most; it says how many there are more
// where it was cut. CSV and HTML have them all.
const MaxPrinted = 5000

// SheetFormats are the formats of WriteSheet.
var SheetFormats = []string{"csv", "html", "pdf"}

// WriteSheet writes a sheet row by row, as it comes; a PDF when all have come.
func WriteSheet(w io.Writer, format string, s Sheet) error {
	switch format {
	case "csv":
		return s.csv(w)
	case "html":
		return s.html(w)
	case "pdf":
		return s.pdf(w)
	}
	return fmt.Errorf("cannot write a list as %.40q", format)
}

func (s Sheet) csv(out io.Writer) error {
	w := csv.NewWriter(out)
	line := make([]string, len(s.Columns))
	for i, c := range s.Columns {
		line[i] = cell(c.Name)
	}
	_ = w.Write(line) // the error stays until Flush
	for row, err := range s.Rows {
		if err != nil {
			return err
		}
		for i := range line {
			line[i] = cell(row[i])
		}
		if err := w.Write(line); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

var sheetHead = template.Must(template.New("sheet").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{.Policy}}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{{.Title}}</title>
<style>{{.Style}}</style>
</head>
<body>
<h1>{{.Title}}</h1>
<p class="dim">{{.At}} · limpet</p>
{{range .Notes}}<p>{{.}}</p>
{{end}}<table><thead><tr>{{range .Columns}}<th>{{.}}{{end}}</tr></thead><tbody>
`))

var sheetRow = template.Must(template.New("row").Parse("<tr>{{range .}}<td>{{.}}{{end}}</tr>\n"))

func (s Sheet) html(w io.Writer) error {
	names, notes := make([]string, len(s.Columns)), make([]string, len(s.Notes))
	for i, c := range s.Columns {
		names[i] = oneLine(c.Name)
	}
	for i, n := range s.Notes {
		notes[i] = oneLine(n)
	}
	err := sheetHead.Execute(w, map[string]any{
		"Policy": stylePolicy(), "Style": template.CSS(pageStyle), //nolint:gosec // our own file
		"Title": oneLine(s.Title), "At": s.at(), "Notes": notes, "Columns": names,
	})
	if err != nil {
		return err
	}
	line := make([]string, len(s.Columns))
	for row, err := range s.Rows {
		if err != nil {
			return err
		}
		for i := range line {
			line[i] = oneLine(row[i])
		}
		if err := sheetRow.Execute(w, line); err != nil {
			return err
		}
	}
	_, err = io.WriteString(w, "</tbody></table>\n</body>\n</html>\n")
	return err
}

func (s Sheet) at() string { return s.At.UTC().Format("2006-01-02 15:04 UTC") }

func (s Sheet) pdf(w io.Writer) error {
	p := newPaper(s.Title, s.At)
	p.dim(s.at())
	for _, n := range s.Notes {
		p.text(n)
	}
	rows, more := [][]string{}, 0
	for row, err := range s.Rows {
		switch {
		case err != nil:
			return err
		case len(rows) < MaxPrinted:
			rows = append(rows, row)
		default:
			more++
		}
	}
	p.table(s.Columns, rows)
	if more > 0 {
		p.text(fmt.Sprintf("%d more rows are not printed here; CSV has them all.", more))
	}
	return p.write(w)
}

// stylePolicy lets a browser take the page's own style and nothing else.
func stylePolicy() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}
