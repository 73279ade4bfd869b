package suppress

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/glob"
)

// ByIgnoreFile marks what an ignore file set aside.
const ByIgnoreFile = "ignore-file"

// Limits of an ignore file.
const (
	MaxIgnoreBytes = 1 << 20
	MaxIgnores     = 10_000
)

// Rule is one entry of an ignore file. What is empty holds for everything; one
// of ID, Path and PURL must be given.
type Rule struct {
	ID      string `yaml:"id"`   // glob: CVE-2024-1234, GHSA-*, a secret's rule, a licence
	Path    string `yaml:"path"` // glob over the path it was found at
	PURL    string `yaml:"purl"` // glob over the package URL, * also for "/"
	Reason  string `yaml:"reason"`
	Owner   string `yaml:"owner"`
	Expires string `yaml:"expires"` // 2006-01-02, the last day it holds

	id, path *glob.Pattern
	until    time.Time
	line     int
	used     bool
}

// Ignores is a parsed ignore file.
type Ignores struct {
	name  string
	rules []*Rule
}

// ParseIgnores reads an ignore file: YAML with a list under `ignore`, or plain
// text with an id a line, as .trivyignore has it (`exp:2026-01-31` may follow).
func ParseIgnores(data []byte, name string) (*Ignores, error) {
	f := &Ignores{name: name}
	if len(data) > MaxIgnoreBytes {
		return nil, fmt.Errorf("cannot read %s: it has %d bytes, at most %d", name, len(data), MaxIgnoreBytes)
	}
	var err error
	if strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") {
		err = f.parseYAML(data)
	} else {
		err = f.parseText(string(data))
	}
	if err == nil && len(f.rules) > MaxIgnores {
		err = fmt.Errorf("it has %d rules, at most %d", len(f.rules), MaxIgnores)
	}
	for _, r := range f.rules {
		if err == nil {
			err = r.compile()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", name, err)
	}
	return f, nil
}

func (f *Ignores) parseYAML(data []byte) error {
	var doc struct {
		Ignore []yaml.Node `yaml:"ignore"`
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for i := range doc.Ignore {
		n := &doc.Ignore[i]
		r := &Rule{line: n.Line}
		if err := known(n, "id", "path", "purl", "reason", "owner", "expires"); err != nil {
			return err
		}
		if err := n.Decode(r); err != nil {
			return err
		}
		if r.Reason == "" {
			return fmt.Errorf("line %d: a reason is missing", n.Line)
		}
		f.rules = append(f.rules, r)
	}
	return nil
}

// known refuses keys that mean nothing: a misspelt "expires" would never expire.
func known(n *yaml.Node, keys ...string) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: want id, path or purl, and a reason", n.Line)
	}
	for i := 0; i < len(n.Content); i += 2 {
		if !slices.Contains(keys, n.Content[i].Value) {
			return fmt.Errorf("line %d: there is no key %.40q", n.Content[i].Line, n.Content[i].Value)
		}
	}
	return nil
}

func (f *Ignores) parseText(data string) error {
	line := 0
	for text := range strings.Lines(data) {
		line++
		text, comment, _ := strings.Cut(text, "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		r := &Rule{ID: words[0], line: line, Reason: strings.TrimSpace(comment)}
		if r.Reason == "" {
			r.Reason = fmt.Sprintf("listed in %s, line %d", f.name, line)
		}
		for _, w := range words[1:] {
			day, ok := strings.CutPrefix(w, "exp:")
			if !ok {
				return fmt.Errorf("line %d: %.40q is not understood", line, w)
			}
			r.Expires = day
		}
		f.rules = append(f.rules, r)
	}
	return nil
}

func (r *Rule) compile() (err error) {
	if r.ID == "" && r.Path == "" && r.PURL == "" {
		return fmt.Errorf("line %d: it would ignore everything: give id, path or purl", r.line)
	}
	compile := func(text string) *glob.Pattern {
		if text == "" || err != nil {
			return nil
		}
		var p *glob.Pattern
		if p, err = glob.Compile(text); err != nil {
			err = fmt.Errorf("line %d: %w", r.line, err)
		}
		return p
	}
	r.id, r.path = compile(r.ID), compile(r.Path)
	if r.Expires != "" && err == nil {
		if r.until, err = time.Parse(time.DateOnly, r.Expires); err != nil {
			return fmt.Errorf("line %d: %.40q is not a day such as 2026-12-31", r.line, r.Expires)
		}
		r.until = r.until.AddDate(0, 0, 1)
	}
	return err
}

// subject is what a rule is asked about.
type subject struct {
	ids   []string
	paths []string
	purl  string
}

func (r *Rule) matches(s subject) bool {
	return (r.id == nil || slices.ContainsFunc(s.ids, r.id.Match)) &&
		(r.path == nil || slices.ContainsFunc(s.paths, r.path.Match)) &&
		(r.PURL == "" || s.purl != "" && wild(r.PURL, s.purl))
}

// wild matches a text against a pattern in which * stands for anything.
func wild(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	text, ok := strings.CutPrefix(text, parts[0])
	if !ok || len(parts) == 1 {
		return ok && text == ""
	}
	last := parts[len(parts)-1]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(text, p)
		if i < 0 {
			return false
		}
		text = text[i+len(p):]
	}
	return strings.HasSuffix(text, last)
}

// Apply sets aside what the rules name and gives warnings about rules that have
// expired by now or matched nothing.
func (f *Ignores) Apply(r *finding.Report, now time.Time) (warnings []string) {
	hold := func(s subject) *Rule {
		for _, rule := range f.rules {
			if (rule.until.IsZero() || now.Before(rule.until)) && rule.matches(s) {
				rule.used = true
				return rule
			}
		}
		return nil
	}
	ps := packages(r)
	aside := func(rule *Rule, s finding.Suppressed) bool {
		if rule == nil {
			return false
		}
		s.By, s.Reason, s.Owner, s.Expires = ByIgnoreFile, rule.Reason, rule.Owner, rule.Expires
		r.Suppressed = append(r.Suppressed, s)
		return true
	}
	r.Vulnerabilities = slices.DeleteFunc(r.Vulnerabilities, func(v finding.Vulnerability) bool {
		s := subject{ids: append([]string{v.ID}, v.Aliases...), paths: []string{v.Place.Path}}
		if p := ps[v.Package]; p != nil {
			s.purl = p.PURL
			for _, at := range p.Places {
				s.paths = append(s.paths, at.Path)
			}
		}
		return aside(hold(s), vulnerability(v))
	})
	r.Secrets = slices.DeleteFunc(r.Secrets, func(v finding.Secret) bool {
		return aside(hold(subject{ids: []string{v.Rule}, paths: []string{v.Place.Path}}), finding.Suppressed{ID: v.Rule, Path: v.Place.Path})
	})
	r.Malware = slices.DeleteFunc(r.Malware, func(v finding.Malware) bool {
		return aside(hold(subject{ids: []string{v.Rule, v.SHA256}, paths: []string{v.Place.Path}}), finding.Suppressed{ID: v.Rule, Path: v.Place.Path})
	})
	r.Licences = slices.DeleteFunc(r.Licences, func(v finding.Licence) bool {
		s := subject{ids: []string{v.Name}, paths: []string{v.Place.Path}}
		if p := ps[v.Package]; p != nil {
			s.purl = p.PURL
		}
		return aside(hold(s), finding.Suppressed{ID: v.Name, Package: v.Package, Path: v.Place.Path})
	})
	r.Misconfigurations = slices.DeleteFunc(r.Misconfigurations, func(v finding.Misconfiguration) bool {
		return aside(hold(subject{ids: []string{v.ID}, paths: []string{v.Place.Path}}), finding.Suppressed{ID: v.ID, Path: v.Place.Path})
	})
	for _, rule := range f.rules {
		switch {
		case !rule.until.IsZero() && !now.Before(rule.until):
			warnings = append(warnings, fmt.Sprintf("%s, line %d: %s expired on %s and is not applied", f.name, rule.line, rule.names(), rule.Expires))
		case !rule.used:
			warnings = append(warnings, fmt.Sprintf("%s, line %d: %s matched nothing", f.name, rule.line, rule.names()))
		}
	}
	return warnings
}

func (r *Rule) names() string {
	var all []string
	for _, s := range []string{r.ID, r.Path, r.PURL} {
		if s != "" {
			all = append(all, fmt.Sprintf("%.80q", s))
		}
	}
	return "the rule for " + strings.Join(all, " ")
}

func vulnerability(v finding.Vulnerability) finding.Suppressed {
	return finding.Suppressed{ID: v.ID, Package: v.Package, Name: v.Name, Version: v.Version, Path: v.Place.Path}
}

func packages(r *finding.Report) map[string]*finding.Package {
	all := make(map[string]*finding.Package, len(r.Packages))
	for i := range r.Packages {
		all[r.Packages[i].ID] = &r.Packages[i]
	}
	return all
}
