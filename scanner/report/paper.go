package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
)

// paper is a PDF that is being written: A4, lying, in the Go fonts, which it
// carries. Characters that they lack are written as escapes.
type paper struct{ pdf *fpdf.Fpdf }

const (
	font    = "go"
	margin  = 12.0 // mm
	line    = 4.2  // mm
	maxCell = 4    // lines of a cell; the rest is left out
)

func newPaper(title string, at time.Time) paper {
	pdf := fpdf.New("L", "mm", "A4", "")
	pdf.AddUTF8FontFromBytes(font, "", goregular.TTF)
	pdf.AddUTF8FontFromBytes(font, "B", gobold.TTF)
	if at.IsZero() {
		at = time.Unix(0, 0) // of no time the library makes the present one
	}
	pdf.SetCreationDate(at.UTC())
	pdf.SetModificationDate(at.UTC())
	pdf.SetCatalogSort(true)
	pdf.SetTitle(printed(title), true)
	pdf.SetMargins(margin, margin, margin)
	pdf.SetAutoPageBreak(true, margin+line)
	pdf.AliasNbPages("{pages}")
	pdf.SetFooterFunc(func() {
		pdf.SetY(-margin)
		pdf.SetFont(font, "", 7)
		pdf.SetTextColor(110, 110, 110)
		pdf.CellFormat(0, line, fmt.Sprintf("%s · %d / {pages}", printed(cutText(title, 120)), pdf.PageNo()), "", 0, "R", false, 0, "")
		pdf.SetTextColor(0, 0, 0)
	})
	pdf.AddPage()
	p := paper{pdf}
	p.write1("B", 15, 7, title)
	return p
}

func (p paper) write1(style string, size, height float64, text string) {
	p.pdf.SetFont(font, style, size)
	p.pdf.MultiCell(0, height, printed(text), "", "L", false)
}

func (p paper) heading(text string) {
	p.pdf.Ln(line)
	p.write1("B", 11, 6, text)
}

func (p paper) text(text string) { p.write1("", 9, line, text) }

func (p paper) dim(text string) {
	p.pdf.SetTextColor(90, 90, 90)
	p.text(text)
	p.pdf.SetTextColor(0, 0, 0)
}

// table writes rows below a head that each page repeats.
func (p paper) table(columns []Column, rows [][]string) {
	width, _ := p.pdf.GetPageSize()
	width -= 2 * margin
	all := 0.0
	for _, c := range columns {
		all += c.Width
	}
	names := make([]string, len(columns))
	widths := make([]float64, len(columns))
	for i, c := range columns {
		names[i], widths[i] = c.Name, width*c.Width/all
	}
	p.pdf.Ln(line / 2)
	p.row(widths, names, "B", nil)
	for _, r := range rows {
		p.row(widths, r, "", names)
	}
}

// row writes one row, on a new page below the head where it does not fit.
func (p paper) row(widths []float64, cells []string, style string, head []string) {
	p.pdf.SetFont(font, style, 8)
	lines := make([][]string, len(widths))
	high := 1
	for i, w := range widths {
		lines[i] = p.pdf.SplitText(printed(cutText(cells[i], 600)), w-2)
		if len(lines[i]) > maxCell {
			lines[i] = lines[i][:maxCell]
			lines[i][maxCell-1] += " …"
		}
		high = max(high, len(lines[i]))
	}
	_, height := p.pdf.GetPageSize()
	y := p.pdf.GetY()
	if y+float64(high)*line > height-margin-2*line {
		p.pdf.AddPage()
		if head != nil {
			p.row(widths, head, "B", nil)
			p.pdf.SetFont(font, style, 8)
		}
		y = p.pdf.GetY()
	}
	x := margin
	for i, w := range widths {
		for n, text := range lines[i] {
			p.pdf.SetXY(x, y+float64(n)*line)
			p.pdf.CellFormat(w, line, text, "", 0, "L", false, 0, "")
		}
		x += w
	}
	y += float64(high)*line + 0.6
	p.pdf.SetDrawColor(205, 212, 216)
	p.pdf.Line(margin, y, x, y)
	p.pdf.SetXY(margin, y+0.6)
}

func (p paper) write(w io.Writer) error { return p.pdf.Output(w) }

// printed is one line that the fonts can show.
func printed(s string) string {
	s = oneLine(s)
	b := strings.Builder{}
	for _, r := range s {
		switch {
		case r < 0x250, r >= 0x391 && r < 0x460, r >= 0x2013 && r <= 0x2026:
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func cutText(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + " …"
	}
	return s
}
