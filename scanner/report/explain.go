package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/match"
)

// Explanation writes why a vulnerability is in the report, or is not.
func Explanation(w io.Writer, r *finding.Report, id string, words []match.Word) error {
	b := strings.Builder{}
	line := func(format string, a ...any) {
		for i := range a {
			if s, ok := a[i].(string); ok {
				a[i] = oneLine(s)
			}
		}
		fmt.Fprintf(&b, format+"\n", a...)
	}
	layers := map[string]finding.Layer{}
	for _, l := range r.Artifact.Layers {
		layers[l.DiffID] = l
	}
	found := 0
	for _, v := range r.Vulnerabilities {
		if v.ID != id && !slices.Contains(v.Aliases, id) {
			continue
		}
		found++
		line("FOUND %s in %s %s (%s)", v.ID, v.Name, v.Version, string(v.Type))
		line("  severity   %s, says %s", string(v.Severity), or(v.SeveritySource, "nobody"))
		line("  fix        %s", fixOf(v))
		line("  because    %s", v.Why.Compared)
		line("  advisory   %s of %s, for %s", v.Why.Advisory, v.Why.Source, v.Why.Ecosystem)
		for _, p := range r.Packages {
			if p.ID != v.Package {
				continue
			}
			line("  recognised %s", or(p.Evidence, "without evidence"))
			for _, at := range p.Places {
				line("  at         %s", or(at.Path+" "+at.Inside))
				if l, ok := layers[at.Layer]; ok {
					base := ""
					if l.Base {
						base = " of the base image"
					}
					line("  layer      %s%s, made by %s", fmt.Sprint(l.Index), base, or(l.CreatedBy, "an unknown step"))
				}
			}
		}
	}
	for _, s := range r.Suppressed {
		if s.ID == id {
			found++
			line("SET ASIDE %s in %s %s by %s: %s", s.ID, s.Name, s.Version, s.By, s.Reason)
		}
	}
	if found == 0 {
		line("NOT FOUND %s", id)
	}
	if len(words) > 0 {
		line("What the database says of it for the packages here:")
	} else {
		line("The database has nothing on it for any of the %d packages here.", len(r.Packages))
	}
	for _, word := range words {
		mark := "does not hold"
		if word.Holds {
			mark = "holds"
		}
		line("  %s %s: %s of %s %s: %s", word.Package.Name, word.Package.Version, word.Advisory, word.Source, mark, word.Says)
	}
	for _, c := range r.Coverage {
		if !c.Data {
			line("NO DATA for %s (%d packages): what it is affected by is not known.", c.Ecosystem, c.Packages)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
