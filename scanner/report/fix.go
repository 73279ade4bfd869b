package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/match"
)

// step is one thing to do, and what is gone afterwards.
type step struct {
	Type           finding.Type
	Name, From, To string
	Path           string
	By             summary
	Exploited      int
	EPSS           float64 // highest
	Vulnerable     int
}

func (s step) String() string {
	text := fmt.Sprintf("%s %s -> %s: fixes %s", s.Name, s.From, s.To, s.By)
	if s.Exploited > 0 {
		text += fmt.Sprintf(", %d known to be exploited", s.Exploited)
	}
	if s.EPSS >= 0.1 {
		text += fmt.Sprintf(", likelihood of an exploit %.0f %%", s.EPSS*100)
	}
	return text
}

// key names what is upgraded: a package in a version.
func (s step) key() string { return string(s.Type) + "\x00" + s.Name + "\x00" + s.From }

func (s step) closes(v finding.Vulnerability) bool {
	return v.FixedVersion != "" && v.Type == s.Type && v.Name == s.Name && v.Version == s.From
}

// fixFirst lists upgrades, the most useful first: what is exploited, then the
// most severe, then the most likely, then the most at once.
func fixFirst(vs []finding.Vulnerability, most int) []step {
	by := map[string]*step{}
	var all []*step
	for _, v := range vs {
		if v.FixedVersion == "" {
			continue
		}
		new := &step{Type: v.Type, Name: v.Name, From: v.Version, To: v.FixedVersion, Path: v.Place.Path, By: summary{}}
		s := by[new.key()]
		if s == nil {
			s = new
			by[s.key()], all = s, append(all, s)
		}
		if o, err := match.NewOrder(v.Type, s.To); err == nil {
			if c, err := o.Compare(v.FixedVersion); err == nil && c < 0 {
				s.To = v.FixedVersion
			}
		}
		s.By[v.Severity]++
		s.Vulnerable++
		if v.KEV != nil {
			s.Exploited++
		}
		if v.EPSS != nil {
			s.EPSS = max(s.EPSS, v.EPSS.Score)
		}
	}
	slices.SortStableFunc(all, func(a, b *step) int {
		c := cmp.Compare(b.Exploited, a.Exploited)
		for _, s := range severities[:2] {
			c = cmp.Or(c, cmp.Compare(b.By[s], a.By[s]))
		}
		return cmp.Or(c, cmp.Compare(b.EPSS, a.EPSS), cmp.Compare(b.Vulnerable, a.Vulnerable), strings.Compare(a.Name, b.Name), strings.Compare(a.From, b.From))
	})
	steps := make([]step, 0, min(most, len(all)))
	for _, s := range all[:min(most, len(all))] {
		steps = append(steps, *s)
	}
	return steps
}
