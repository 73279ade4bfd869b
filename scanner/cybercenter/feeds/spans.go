package feeds

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/osv-scalibr/semantic"

	"github.com/limpet-security/limpet/scanner/vulndb"
)

// Some publishers say which versions are safe. This file turns that into the
// spans that are not.

// bound is an end of a span; without a version there is none.
type bound struct {
	version string
	open    bool // the version itself is outside
}

type span struct{ low, high bound }

// requirement is "<operator> <version>".
var requirement = regexp.MustCompile(`^(>=|<=|~>|==|=|>|<|\^|~)?\s*(v?[0-9][0-9A-Za-z.+_-]*)$`)

// maxRequirements bounds a list, and a line of one.
const maxRequirements = 500

// order compares versions of one ecosystem.
type order struct{ eco string }

func (o order) compare(a, b string) (int, error) {
	v, err := semantic.Parse(a, o.eco)
	if err != nil {
		return 0, err
	}
	return v.CompareStr(b)
}

// parse reads requirements that must all hold: ">= 1.2, < 2".
func (o order) parse(text string) (span, error) {
	var s span
	parts := strings.Split(text, ",")
	if len(parts) > maxRequirements {
		return s, fmt.Errorf("%d requirements: %w", len(parts), ErrTooLarge)
	}
	for _, p := range parts {
		if p = strings.TrimSpace(p); p == "" || p == "*" {
			continue
		}
		m := requirement.FindStringSubmatch(p)
		if m == nil {
			return s, fmt.Errorf("requirement %q cannot be read", clip(p, 60))
		}
		one, err := o.single(m[1], m[2])
		if err == nil {
			s, err = o.intersect(s, one)
		}
		if err != nil {
			return s, fmt.Errorf("requirement %q: %w", clip(p, 60), err)
		}
	}
	return s, nil
}

func (o order) single(operator, v string) (span, error) {
	switch operator {
	case ">=":
		return span{low: bound{version: v}}, nil
	case ">":
		return span{low: bound{v, true}}, nil
	case "<=":
		return span{high: bound{version: v}}, nil
	case "<":
		return span{high: bound{v, true}}, nil
	case "=", "==":
		return span{bound{version: v}, bound{version: v}}, nil
	case "~>":
		up, err := bump(v, -2)
		return span{bound{version: v}, bound{up, true}}, err
	case "~":
		up, err := bump(v, 1)
		return span{bound{version: v}, bound{up, true}}, err
	}
	if operator == "" && o.eco != "crates.io" {
		return span{bound{version: v}, bound{version: v}}, nil
	}
	at := 0 // ^: the first number that is not 0 may not change
	for i, p := range strings.Split(v, ".") {
		at = i
		if p != "0" {
			break
		}
	}
	up, err := bump(v, at)
	return span{bound{version: v}, bound{up, true}}, err
}

// bump adds one to a version's number at a place (from the end where negative)
// and drops what follows.
func bump(v string, at int) (string, error) {
	v, _, _ = strings.Cut(v, "-")
	f := strings.Split(v, ".")
	for i, p := range f { // 1.0.0.rc1 counts as 1.0.0
		if i > 0 && p != "" && (p[0] < '0' || p[0] > '9') {
			f = f[:i]
			break
		}
	}
	if at < 0 {
		at = max(0, len(f)+at)
	}
	at = min(at, len(f)-1)
	n, err := strconv.Atoi(f[at])
	if err != nil {
		return "", err
	}
	return strings.Join(append(f[:at:at], strconv.Itoa(n+1)), "."), nil
}

func (o order) intersect(a, b span) (span, error) {
	if b.low.version != "" {
		c, err := o.lower(b.low, a.low)
		if err != nil {
			return a, err
		}
		if c > 0 {
			a.low = b.low
		}
	}
	if b.high.version != "" {
		if a.high.version == "" {
			a.high = b.high
			return a, nil
		}
		c, err := o.compare(b.high.version, a.high.version)
		if err != nil {
			return a, err
		}
		if c < 0 || c == 0 && b.high.open {
			a.high = b.high
		}
	}
	return a, nil
}

// lower compares two lower ends; none is the lowest.
func (o order) lower(a, b bound) (int, error) {
	switch {
	case a.version == "" && b.version == "":
		return 0, nil
	case a.version == "":
		return -1, nil
	case b.version == "":
		return 1, nil
	}
	c, err := o.compare(a.version, b.version)
	if c == 0 && err == nil && a.open != b.open {
		c = -1
		if a.open {
			c = 1
		}
	}
	return c, err
}

// affected gives what is in none of the safe requirements.
func (o order) affected(safe []string) ([]vulndb.Range, error) {
	if len(safe) > maxRequirements {
		return nil, fmt.Errorf("%d requirements: %w", len(safe), ErrTooLarge)
	}
	var spans []span
	for _, text := range safe {
		s, err := o.parse(text)
		if err != nil {
			return nil, err
		}
		spans = append(spans, s)
	}
	var flaw error
	slices.SortStableFunc(spans, func(a, b span) int {
		c, err := o.lower(a.low, b.low)
		if err != nil {
			flaw = err
		}
		return c
	})
	if flaw != nil {
		return nil, flaw
	}
	var out []vulndb.Range
	begin := "0" // where the next affected span begins
	for _, s := range spans {
		if s.low.version != "" {
			c, err := o.compare(s.low.version, begin)
			if err != nil {
				return nil, err
			}
			if c > 0 {
				r := vulndb.Range{Introduced: begin, Fixed: s.low.version}
				if s.low.open {
					r.Fixed, r.LastAffected = "", s.low.version
				}
				out = append(out, r)
			}
		}
		if s.high.version == "" {
			return out, nil // safe from here on
		}
		next := s.high.version
		if !s.high.open {
			next = o.after(next)
		}
		c, err := o.compare(next, begin)
		if err != nil {
			return nil, err
		}
		if c > 0 {
			begin = next
		}
	}
	return append(out, vulndb.Range{Introduced: begin}), nil
}

// after gives the lowest version above v.
func (o order) after(v string) string {
	if o.eco == "RubyGems" {
		return v + ".0.0.1.a"
	}
	if i := strings.IndexAny(v, "-+"); i >= 0 {
		if v[i] == '-' {
			return v + ".0"
		}
		v = v[:i]
	}
	for strings.Count(v, ".") < 2 {
		v += ".0"
	}
	if up, err := bump(v, 2); err == nil {
		return up + "-0"
	}
	return v
}
