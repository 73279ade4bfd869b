package sensitive

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/limpet-security/limpet/internal/finding"
)

// MaxPerRule is how many findings of one rule a file may have; what is more is
// said in an anomaly.
const MaxPerRule = 10

// maxLooks bounds the places of one file at which a rule is tried.
const maxLooks = 20_000

// limits are those that a search met.
type limits struct {
	findings bool // there are more than are listed
	looks    bool // the end was not reached
}

// match is one place where a rule matched.
type match struct {
	rule       *compiled
	start, end int // of the secret
	weak       bool
}

// search gives the matches of all rules in data, and says what limits it met.
func (r *rules) search(data []byte) (found []match, met limits) {
	windows := make(map[int][][2]int)
	looks := 0
	r.machine.Find(data, func(pattern, end int) bool {
		k := r.keywords[pattern]
		c := &r.list[k.rule]
		if c.Follow != nil && !c.Follow(data[end:]) {
			return true
		}
		if looks++; looks > maxLooks {
			met.looks = true
			return false
		}
		// A word boundary and what stands before a keyword need their context.
		lo, hi := max(0, end-k.size-before), min(len(data), end+c.span)
		list := windows[k.rule]
		if n := len(list); n > 0 && lo <= list[n-1][1] {
			list[n-1][1] = max(hi, list[n-1][1])
		} else {
			windows[k.rule] = append(list, [2]int{lo, hi})
		}
		return true
	})
	for n := range r.list { // in the order of the rules, whatever the map's
		c := &r.list[n]
		count := 0
		for _, w := range windows[n] {
			for _, at := range c.re.FindAllSubmatchIndex(data[w[0]:w[1]], 4*MaxPerRule) {
				m, ok := c.judge(data, w[0], at)
				if !ok {
					continue
				}
				if count++; count > MaxPerRule {
					met.findings = true
					break
				}
				found = append(found, m)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b match) int { return cmp.Compare(a.start, b.start) })
	return found, met
}

// judge looks at one match of the expression in the window that begins at base.
func (c *compiled) judge(data []byte, base int, at []int) (match, bool) {
	m := match{rule: c, start: at[0], end: at[1]}
	for g := 2; g+1 < len(at); g += 2 {
		if at[g] >= 0 {
			m.start, m.end = at[g], at[g+1]
			break
		}
	}
	m.start += base
	m.end += base
	secret := data[m.start:m.end]
	if c.Entropy > 0 && (entropy(secret) < c.Entropy || filler(secret)) {
		return m, false
	}
	if len(c.Near) > 0 {
		around := bytes.ToLower(data[max(0, m.start-nearBytes):min(len(data), m.end+nearBytes)])
		if !slices.ContainsFunc(c.Near, func(word string) bool { return bytes.Contains(around, []byte(word)) }) {
			return m, false
		}
	}
	if c.Check != nil {
		switch c.Check(secret) {
		case Wrong:
			return m, false
		case Weak:
			m.weak = true
		}
	}
	return m, true
}

// entropy is Shannon's, in bits a byte.
func entropy(b []byte) float64 {
	if len(b) == 0 {
		return 0
	}
	var count [256]int
	for _, c := range b {
		count[c]++
	}
	sum := 0.0
	for _, n := range count {
		if n > 0 {
			p := float64(n) / float64(len(b))
			sum -= p * math.Log2(p)
		}
	}
	return sum
}

// run says that n characters of a token follow.
func run(n int) func([]byte) bool {
	return func(rest []byte) bool {
		if len(rest) < n {
			return false
		}
		for _, b := range rest[:n] {
			if !letter(b) && !('0' <= b && b <= '9') && b != '-' && b != '/' && b != '+' && b != '%' {
				return false
			}
		}
		return true
	}
}

// passwordBeforeHost says that "user:password@" may follow a scheme.
func passwordBeforeHost(rest []byte) bool {
	colon := false
	for _, b := range rest[:min(len(rest), 310)] {
		switch b {
		case ':':
			colon = true
		case '@':
			return colon
		case ' ', '\t', '\n', '\r', '"', '\'', '<', '>', '/', 0:
			return false
		}
	}
	return false
}

func letter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' || b == '_' }

// lines tells line numbers for rising offsets.
type lines struct {
	data     []byte
	at, line int
}

func (l *lines) number(offset int) int {
	if offset < l.at {
		l.at, l.line = 0, 0
	}
	l.line += bytes.Count(l.data[l.at:offset], []byte{'\n'})
	l.at = offset
	return l.line + 1
}

func lower(s finding.Severity, to finding.Severity) finding.Severity {
	if s.Rank() > to.Rank() {
		return to
	}
	return s
}
