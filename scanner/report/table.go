package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/limpet-security/limpet/internal/finding"
)

// fixSteps is how many upgrades the reports suggest.
const fixSteps = 5

// table writes for a terminal: how far to trust it first, then what to do, then
// everything.
func table(out io.Writer, r *finding.Report, o Options) error {
	t := &terminal{w: bufio.NewWriter(out), Options: o}
	t.head(r)
	t.integrity(r)
	if r.Artifact.Kind != finding.KindConfig {
		t.vulnerabilities(r)
	} else if len(r.Misconfigurations) == 0 {
		t.line("\nNothing was found.")
	}
	t.section("Malware", rows(r.Malware, func(m finding.Malware) []string {
		return []string{severity(m.Severity), m.Rule, m.Engine, at(m.Place)}
	}))
	t.section("Secrets", rows(r.Secrets, func(s finding.Secret) []string {
		return []string{severity(s.Severity), s.Title, s.Masked, at(s.Place)}
	}))
	t.section("Misconfigurations", rows(r.Misconfigurations, func(m finding.Misconfiguration) []string {
		return []string{severity(m.Severity), m.ID, m.Title, m.Message, at(m.Place)}
	}))
	t.mend(r)
	t.licences(r)
	t.unmatched(r)
	if o.Suppressed {
		t.section("Set aside", rows(r.Suppressed, func(s finding.Suppressed) []string {
			return []string{s.ID, strings.TrimSpace(s.Name + " " + s.Version), s.By, s.Reason}
		}))
	} else if n := len(r.Suppressed); n > 0 {
		t.line("\n%d findings were set aside (--show-suppressed lists them).", n)
	}
	return t.w.Flush()
}

type terminal struct {
	w *bufio.Writer
	Options
}

func (t *terminal) line(format string, a ...any) { fmt.Fprintf(t.w, format+"\n", a...) }

// paint colours a text.
func (t *terminal) paint(code, s string) string {
	if !t.Color {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

var colours = map[string]string{"CRITICAL": "1;31", "HIGH": "31", "MEDIUM": "33", "LOW": "36", "NEGLIGIBLE": "2", "UNKNOWN": "2"}

func severity(s finding.Severity) string { return strings.ToUpper(string(s)) }

func (t *terminal) head(r *finding.Report) {
	parts := []string{t.paint("1", clean(r.Artifact.Name))}
	if r.OS != nil {
		parts = append(parts, clean(strings.TrimSpace(r.OS.ID+" "+r.OS.Version)))
	}
	for _, s := range []string{r.Artifact.Platform, r.Artifact.Digest} {
		if s != "" {
			parts = append(parts, clean(s))
		}
	}
	t.line("%s", strings.Join(parts, "  "))
}

func (t *terminal) integrity(r *finding.Report) {
	if v := r.Integrity.Verdict; v != finding.Complete {
		text := "PARTIAL: something could not be read; what is missing below may still be there"
		if v == finding.Untrusted {
			text = "UNTRUSTED: the bytes are not those that were promised"
		}
		t.line("%s", t.paint("1;31", text))
		for _, a := range r.Integrity.Anomalies {
			if a.Effect != finding.Complete {
				t.line("  %s", clean(strings.Join(strings.Fields(a.Code+" "+a.Path+" "+a.Layer+" "+a.Detail), " ")))
			}
		}
	}
	if r.OS != nil && r.OS.Ended {
		t.line("%s", t.paint("31", fmt.Sprintf("END OF LIFE: %s %s gets no security fixes since %s", clean(r.OS.ID), clean(r.OS.Version), clean(r.OS.EndOfLife))))
	}
	if r.Database == nil && r.Artifact.Kind != finding.KindConfig {
		t.line("%s", t.paint("33", "NOT MATCHED: without a vulnerability database nothing is known of the packages"))
	}
}

func (t *terminal) vulnerabilities(r *finding.Report) {
	if r.Database == nil {
		t.line("\nPackages: %d", len(r.Packages))
		return
	}
	by, exploited, fixable := counted(r.Vulnerabilities)
	t.line("\nPackages: %d.  Vulnerabilities: %s; %d known to be exploited, %d with a fix.", len(r.Packages), by, exploited, fixable)
	if steps := fixFirst(r.Vulnerabilities, fixSteps); len(steps) > 0 {
		t.line("\n%s", t.paint("1", "What to fix first"))
		for i, s := range steps {
			t.line("  %d. %s", i+1, clean(s.String()))
		}
	}
	var order []string
	groups := map[string][]finding.Vulnerability{}
	for _, v := range r.Vulnerabilities {
		if groups[v.Why.Ecosystem] == nil {
			order = append(order, v.Why.Ecosystem)
		}
		groups[v.Why.Ecosystem] = append(groups[v.Why.Ecosystem], v)
	}
	for _, eco := range order {
		t.section("Vulnerabilities: "+clean(eco), folded(rows(groups[eco], func(v finding.Vulnerability) []string {
			return []string{severity(v.Severity), v.ID, v.Name, v.Version, fixOf(v), remarks(v), v.Title}
		}), 3))
	}
}

func fixOf(v finding.Vulnerability) string {
	if v.FixedVersion != "" {
		return "-> " + v.FixedVersion
	}
	return string(v.FixState)
}

// remarks are what makes a vulnerability more urgent than its severity says.
func remarks(v finding.Vulnerability) string {
	var all []string
	if v.KEV != nil {
		all = append(all, "exploited")
		if v.KEV.Ransomware {
			all = append(all, "ransomware")
		}
	}
	if v.EPSS != nil && v.EPSS.Score >= 0.01 {
		all = append(all, fmt.Sprintf("EPSS %.0f%%", v.EPSS.Score*100))
	}
	return strings.Join(all, " ")
}

// mend says of each kind of misconfiguration once what comes of it and what to do.
func (t *terminal) mend(r *finding.Report) {
	if r.Artifact.Kind != finding.KindConfig {
		return
	}
	seen := map[string]bool{}
	for _, m := range r.Misconfigurations {
		if !seen[m.ID] {
			seen[m.ID] = true
			t.line("\n  %s  %s\n    %s\n    %s", t.paint("1", clean(m.ID)), clean(m.Title), clean(m.Why), clean(m.Resolution))
		}
	}
}

func (t *terminal) licences(r *finding.Report) {
	var wary []finding.Licence
	for _, l := range r.Licences {
		if l.Category != "permissive" && l.Category != "" {
			wary = append(wary, l)
		}
	}
	names := map[string]string{}
	for _, p := range r.Packages {
		names[p.ID] = p.Name
	}
	t.section("Licences that ask for something", rows(wary, func(l finding.Licence) []string {
		return []string{l.Category, l.Name, names[l.Package], at(l.Place)}
	}))
}

// unmatched says what was not looked up: it is not clean.
func (t *terminal) unmatched(r *finding.Report) {
	for _, c := range r.Coverage {
		if !c.Data {
			t.line("%s", t.paint("33", fmt.Sprintf("\nNO DATA for %s (%d packages): %s", clean(c.Ecosystem), c.Packages, clean(c.Detail))))
		} else if c.Detail != "" {
			t.line("\n%s: %s", clean(c.Ecosystem), clean(c.Detail))
		}
	}
}

func at(p finding.Place) string {
	s := p.Path
	if p.Inside != "" {
		s += "!" + p.Inside
	}
	if p.Line > 0 {
		s += fmt.Sprintf(":%d", p.Line)
	}
	return s
}

func rows[T any](list []T, cells func(T) []string) [][]string {
	var all [][]string
	for _, v := range list {
		all = append(all, cells(v))
	}
	return all
}

// folded gives equal rows that follow each other once, with how often in a column.
func folded(all [][]string, column int) [][]string {
	var out [][]string
	for i := 0; i < len(all); {
		n := 1
		for i+n < len(all) && slices.Equal(all[i], all[i+n]) {
			n++
		}
		row := slices.Clone(all[i])
		if n > 1 {
			row[column] += fmt.Sprintf(" (%d places)", n)
		}
		out, i = append(out, row), i+n
	}
	return out
}

// section writes rows in columns, each as wide as its widest cell up to a limit.
func (t *terminal) section(title string, cells [][]string) {
	if len(cells) == 0 {
		return
	}
	t.line("\n%s", t.paint("1", title))
	const most = 44
	var widths []int
	for _, row := range cells {
		for i := range row {
			row[i] = oneLine(row[i])
			if len(widths) == i {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], min(most, utf8.RuneCountInString(row[i])))
		}
	}
	for _, row := range cells {
		b, used := strings.Builder{}, 2
		b.WriteString("  ")
		for i, cell := range row {
			n := utf8.RuneCountInString(cell)
			if t.Width > 0 && used+n > t.Width {
				cell = string([]rune(cell)[:max(0, min(n, t.Width-used-1))]) + "…"
				n = utf8.RuneCountInString(cell)
			}
			shown := cell
			if c := colours[cell]; c != "" && i == 0 {
				shown = t.paint(c, cell)
			}
			b.WriteString(shown)
			pad := max(0, widths[i]-n) + 2
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", pad))
			}
			used += n + pad
			if t.Width > 0 && used >= t.Width {
				break
			}
		}
		t.line("%s", strings.TrimRight(b.String(), " "))
	}
}
