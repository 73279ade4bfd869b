package sensitive

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/ahocorasick"
)

// Rule is one format of a secret.
type Rule struct {
	ID       string
	Category string
	Title    string
	Severity finding.Severity
	// Keywords: one of them is in every match, in any case. They are what the
	// file is searched for.
	Keywords []string
	// Pattern is a regular expression (RE2). Its first group, or else the whole
	// match, is the secret.
	Pattern string
	// Entropy is the least that the secret must have, in bits a character.
	Entropy float64
	// Near: one of these words must be within nearBytes of the match, in lower case.
	Near []string
	// Check looks at the secret's structure; nil means that the pattern is enough.
	Check func(secret []byte) Structure
	// Follow looks at what stands behind a keyword before the expression is
	// tried: for keywords that are common in other text.
	Follow func(rest []byte) bool
	// Span is how far behind the keyword a match may reach; 0 means 512 bytes.
	Span int
}

// Structure is what a secret's structure says.
type Structure int

// The answers of a Check.
const (
	Plausible Structure = iota // nothing speaks against it
	Wrong                      // no secret
	Weak                       // encrypted, or its checksum is wrong: of low severity
)

const (
	before    = 128      // bytes before a keyword that a window holds
	span      = 512      // bytes behind it
	maxSpan   = 32 << 10 // of any rule
	nearBytes = 300
)

// compiled is a rule with its machine parts.
type compiled struct {
	Rule
	re   *regexp.Regexp
	span int
}

// rules is a set of rules that are searched for together.
type rules struct {
	list     []compiled
	machine  *ahocorasick.Machine
	keywords []keyword // by pattern of the machine
}

type keyword struct{ rule, size int }

func compile(list []Rule) (*rules, error) {
	set := &rules{}
	var patterns [][]byte
	seen := map[string]bool{}
	for _, r := range list {
		switch {
		case r.ID == "" || seen[r.ID]:
			return nil, fmt.Errorf("cannot use rule %q: its id is empty or used twice", r.ID)
		case len(r.Keywords) == 0:
			return nil, fmt.Errorf("cannot use rule %s: it has no keyword", r.ID)
		case r.Span > maxSpan:
			return nil, fmt.Errorf("cannot use rule %s: its span is above %d", r.ID, maxSpan)
		}
		seen[r.ID] = true
		re, err := regexp.Compile(r.Pattern)
		if err != nil {
			return nil, fmt.Errorf("cannot use rule %s: %w", r.ID, err)
		}
		c := compiled{Rule: r, re: re, span: r.Span}
		if c.span == 0 {
			c.span = span
		}
		for _, k := range r.Keywords {
			if len(k) < 3 || k != strings.ToLower(k) {
				return nil, fmt.Errorf("cannot use rule %s: keyword %q must be in lower case, of three letters or more", r.ID, k)
			}
			patterns = append(patterns, []byte(k))
			set.keywords = append(set.keywords, keyword{rule: len(set.list), size: len(k)})
		}
		set.list = append(set.list, c)
	}
	set.machine = ahocorasick.New(patterns)
	return set, nil
}

// Rules gives all rules, in a fixed order.
func Rules() []Rule { return slices.Concat(cloudRules, codeRules, serviceRules, keyRules, urlRules) }
