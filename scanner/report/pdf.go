package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/limpet-security/limpet/internal/finding"
)

// PDF writes a report for people who print and file it.
func PDF(w io.Writer, r *finding.Report) error {
	var built time.Time
	if r.Database != nil {
		built = r.Database.Built
	}
	p := newPaper("Scan of "+r.Artifact.Name, built)
	facts := []string{r.Artifact.Digest, r.Artifact.Platform, "limpet " + r.Scanner}
	if r.OS != nil {
		facts = append(facts, r.OS.ID+" "+r.OS.Version)
	}
	if r.Database != nil {
		facts = append(facts, "database of "+built.UTC().Format("2006-01-02 15:04 UTC"))
	}
	p.dim(strings.Join(facts, " · "))
	if r.Integrity.Verdict != finding.Complete {
		p.heading(string(r.Integrity.Verdict) + ": this report does not speak for all of the artefact")
		for _, a := range r.Integrity.Anomalies {
			p.text(a.Code + " " + a.Path + " " + a.Detail)
		}
	}
	by, exploited, fixable := counted(r.Vulnerabilities)
	if r.Database == nil {
		p.text(fmt.Sprintf("There was no vulnerability database: nothing is known of the %d packages.", len(r.Packages)))
	} else {
		p.text(fmt.Sprintf("%d packages. Vulnerabilities: %s; %d known to be exploited, %d with a fix.", len(r.Packages), by, exploited, fixable))
	}
	if r.OS != nil && r.OS.Ended {
		p.text(r.OS.ID + " " + r.OS.Version + " gets no security fixes since " + r.OS.EndOfLife + ".")
	}
	for _, c := range r.Coverage {
		if !c.Data {
			p.text(fmt.Sprintf("No data for %s (%d packages): %s", c.Ecosystem, c.Packages, c.Detail))
		}
	}
	p.plan(Plan(r, fixSteps))
	p.section("Vulnerabilities", "Severity 8,Id 14,Package 16,Installed 14,Fix 14,Note 12,Title 22", len(r.Vulnerabilities), func(i int) []string {
		v := r.Vulnerabilities[i]
		return []string{string(v.Severity), v.ID, v.Name, v.Version, fixOf(v), remarks(v), v.Title}
	})
	p.section("Malware", "Severity 8,Signature 20,Engine 10,Path 40", len(r.Malware), func(i int) []string {
		m := r.Malware[i]
		return []string{string(m.Severity), m.Rule, m.Engine, at(m.Place)}
	})
	p.section("Secrets", "Severity 8,What 20,Shown as 20,Path 40", len(r.Secrets), func(i int) []string {
		s := r.Secrets[i]
		return []string{string(s.Severity), s.Title, s.Masked, at(s.Place)}
	})
	p.section("Misconfigurations", "Severity 8,Check 12,What 25,Seen 25,Resolution 30", len(r.Misconfigurations), func(i int) []string {
		m := r.Misconfigurations[i]
		return []string{string(m.Severity), m.ID, m.Title, m.Message, m.Resolution}
	})
	p.section("Set aside", "Id 14,Package 20,By 14,Reason 40", len(r.Suppressed), func(i int) []string {
		s := r.Suppressed[i]
		return []string{s.ID, strings.TrimSpace(s.Name + " " + s.Version), s.By, s.Reason}
	})
	return p.write(w)
}

func (p paper) plan(steps []Step) {
	if len(steps) == 0 {
		return
	}
	p.heading("What to fix first")
	for i, s := range steps {
		what := fmt.Sprintf("%s %s -> %s", s.Name, s.From, s.To)
		if s.Base {
			what = strings.TrimSpace("A newer base image " + s.Name)
		}
		p.text(fmt.Sprintf("%d. %s: closes %d findings, %d critical, %d high, %d known to be exploited", i+1, what, s.Closes, s.Critical, s.High, s.Exploited))
	}
}

// section writes a table of n rows; columns are "name width" joined by commas.
func (p paper) section(title, columns string, n int, row func(int) []string) {
	if n == 0 {
		return
	}
	var cols []Column
	for c := range strings.SplitSeq(columns, ",") {
		i := strings.LastIndexByte(c, ' ')
		col := Column{Name: c[:i]}
		_, _ = fmt.Sscan(c[i+1:], &col.Width)
		cols = append(cols, col)
	}
	p.heading(title)
	rows := make([][]string, min(n, MaxPrinted))
	for i := range rows {
		rows[i] = row(i)
	}
	p.table(cols, rows)
	if more := n - len(rows); more > 0 {
		p.text(fmt.Sprintf("%d more are not printed here; JSON has them all.", more))
	}
}
