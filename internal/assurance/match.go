package assurance

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/glob"
)

// patterns is a list of globs, compiled.
type patterns []*glob.Pattern

func compile[T ~string](list []T) (patterns, error) {
	var out patterns
	for _, text := range list {
		p, err := glob.Compile(string(text))
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func (p patterns) match(s string) bool {
	return slices.ContainsFunc(p, func(g *glob.Pattern) bool { return g.Match(s) })
}

// image matches a reference with or without its tag and digest: a pattern
// without them is for any.
func (p patterns) image(reference string) bool {
	for _, form := range forms(reference) {
		if p.match(form) {
			return true
		}
	}
	return false
}

// forms are a reference in full, without digest, and without tag.
func forms(reference string) []string {
	out := []string{reference}
	rest, _, digest := strings.Cut(reference, "@")
	if digest {
		out = append(out, rest)
	}
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		out = append(out, rest[:i])
	}
	return out
}

func expressions(list []Pattern) ([]*regexp.Regexp, error) {
	var out []*regexp.Regexp
	for _, text := range list {
		re, err := regexp.Compile(string(text))
		if err != nil {
			return nil, err
		}
		out = append(out, re)
	}
	return out, nil
}

// score is the highest CVSS base score that source (anybody, if empty) gives.
func score(v *finding.Vulnerability, source string) float64 {
	best := 0.0
	for _, c := range v.CVSS {
		if source == "" || strings.EqualFold(c.Source, source) {
			best = max(best, c.Score)
		}
	}
	return best
}

// days counts whole days from a date of the report to now.
func days(date string, now time.Time) (int, bool) {
	t, ok := parseDate(date)
	return int(now.Sub(t) / (24 * time.Hour)), ok
}

func parseDate(date string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, date); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// vectorHas says that some CVSS 3 or 4 vector states the fact.
func vectorHas(v *finding.Vulnerability, fact VectorFact) bool {
	want := map[VectorFact]string{VectorNetwork: "/AV:N/", VectorNoPrivileges: "/PR:N/", VectorNoInteraction: "/UI:N/", VectorLowComplexity: "/AC:L/"}[fact]
	return slices.ContainsFunc(v.CVSS, func(c finding.CVSS) bool {
		return !strings.HasPrefix(c.Version, "2") && strings.Contains("/"+c.Vector+"/", want)
	})
}
