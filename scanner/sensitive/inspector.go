package sensitive

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/inspect"
)

// MaxBytes is how much of a file is looked at.
const MaxBytes = 8 << 20

// version changes with the rules and with how they are applied.
const version = "2"

// Options choose what is looked for; the zero value is everything.
type Options struct {
	Disabled []string // ids of rules
	Extra    []Rule   // rules beside the built-in ones
}

// Inspector finds secrets. It is safe for several goroutines.
type Inspector struct {
	rules    *rules
	assigned *assignments
	disabled map[string]bool
	version  string
}

var (
	_ inspect.Inspector       = (*Inspector)(nil)
	_ inspect.ConfigInspector = (*Inspector)(nil)
)

// New makes an Inspector.
func New(o Options) (*Inspector, error) {
	i := &Inspector{assigned: newAssignments(), disabled: map[string]bool{}}
	for _, id := range o.Disabled {
		i.disabled[id] = true
	}
	list := slices.DeleteFunc(append(Rules(), o.Extra...), func(r Rule) bool { return i.disabled[r.ID] })
	set, err := compile(list)
	if err != nil {
		return nil, err
	}
	i.rules = set
	extra := make([]string, 0, len(o.Extra))
	for _, r := range o.Extra {
		extra = append(extra, fmt.Sprintf("%s %s %s %v %g %v", r.ID, r.Pattern, r.Severity, r.Keywords, r.Entropy, r.Near))
	}
	disabled := slices.Sorted(slices.Values(o.Disabled))
	i.version = version + " " + strings.Join(disabled, ",") + " " + strings.Join(extra, ",")
	return i, nil
}

// All gives the package's inspectors.
func All(o Options) ([]inspect.Inspector, error) {
	i, err := New(o)
	if err != nil {
		return nil, err
	}
	return []inspect.Inspector{i}, nil
}

// Name is the inspector's.
func (i *Inspector) Name() string { return "secrets" }

// Version is of the rules.
func (i *Inspector) Version() string { return i.version }

// Wants asks for text, and for files that are known by name.
func (i *Inspector) Wants(f inspect.Info) inspect.Want {
	if f.Mode.Type() != 0 || f.Size == 0 {
		return inspect.Want{}
	}
	if known(f.Path) != nil {
		return inspect.Want{Bytes: MaxBytes}
	}
	if isArchive(f.Path) {
		return inspect.Want{Bytes: maxArchive}
	}
	if classify(f.Path) == skipped || f.Mode&fs.FileMode(0o111) != 0 && owned(f.Path) && f.Size > 1<<20 {
		return inspect.Want{}
	}
	return inspect.Want{Bytes: MaxBytes}
}

// Inspect looks at one file.
func (i *Inspector) Inspect(f inspect.File) inspect.Found {
	if isArchive(f.Path) {
		return i.archive(f)
	}
	head := f.Head[:min(len(f.Head), MaxBytes)]
	var found inspect.Found
	found.Secrets = i.named(f.Path, head)
	how := classify(f.Path)
	if how == skipped || program(head) && owned(f.Path) {
		return found
	}
	if unprintable(head) && how != quiet {
		how = plain
	}
	secrets, met := i.text(f.Path, head, how)
	found.Secrets = append(found.Secrets, secrets...)
	if met.findings {
		found.Anomalies = append(found.Anomalies, finding.Anomaly{Code: "secrets-more", Effect: finding.Complete, Path: f.Path,
			Detail: "the file holds more secrets of one kind than are listed"})
	}
	if met.looks {
		found.Anomalies = append(found.Anomalies, finding.Anomaly{Code: "limit-secrets", Effect: finding.Partial, Path: f.Path,
			Detail: "the file holds so much that looks like secrets that it was not looked at to its end"})
	}
	return found
}

// named finds what the file's name and content tell together.
func (i *Inspector) named(file string, head []byte) []finding.Secret {
	k := known(file)
	if k == nil || i.disabled[k.id] {
		return nil
	}
	line, ok := k.content(head)
	if !ok {
		return nil
	}
	severity := k.severity
	if c := classify(file); c == quiet {
		severity = lower(severity, finding.Low)
	}
	return []finding.Secret{{Rule: k.id, Category: "sensitive file", Title: k.title, Severity: severity, Place: finding.Place{Path: file, Line: line}}}
}

// assignmentRule is the id of what assignments finds.
const assignmentRule = "assigned-secret"

// text finds what rules and assignments find.
func (i *Inspector) text(file string, data []byte, how class) ([]finding.Secret, limits) {
	matches, met := i.rules.search(data)
	var found []finding.Secret
	count := lines{data: data}
	for _, m := range matches {
		if m.weak && how == quiet { // user:password@host in a manual
			continue
		}
		severity := m.rule.Severity
		if m.weak || how == quiet {
			severity = lower(severity, finding.Low)
		}
		s := finding.Secret{Rule: m.rule.ID, Category: m.rule.Category, Title: m.rule.Title, Severity: severity,
			Place: finding.Place{Path: file, Line: count.number(m.start)}}
		if s.Category != "private key" {
			s.Masked = mask(string(data[m.start:m.end]))
		}
		found = append(found, s)
	}
	if (how == config || how == code) && !i.disabled[assignmentRule] {
		bare := how == config || bytes.HasPrefix(data, []byte("#!/bin/")) || hasSuffix(file, ".sh", ".bash", ".zsh")
		list, more := i.assigned.search(data, bare)
		met.findings, met.looks = met.findings || more.findings, met.looks || more.looks
		for _, a := range list {
			if slices.ContainsFunc(matches, func(m match) bool { return m.start < a.end && a.start < m.end }) {
				continue // a rule knows better
			}
			s := finding.Secret{Rule: assignmentRule, Category: "token", Title: "key or token in a configuration", Severity: a.severity,
				Place: finding.Place{Path: file, Line: count.number(a.start)}, Masked: mask(string(data[a.start:a.end]))}
			if a.password {
				s.Category, s.Title, s.Masked = "password", "password in a configuration", mask("")
			}
			found = append(found, s)
		}
	}
	slices.SortStableFunc(found, func(a, b finding.Secret) int {
		return cmp.Or(cmp.Compare(a.Place.Line, b.Place.Line), cmp.Compare(a.Rule, b.Rule))
	})
	return found, met
}

// InspectConfig looks at an image's environment, labels and history.
func (i *Inspector) InspectConfig(c inspect.Config) inspect.Found {
	var found inspect.Found
	look := func(inside, text string) {
		if len(text) > MaxBytes {
			text = text[:MaxBytes]
		}
		secrets, _ := i.text(inspect.ConfigPath, []byte(text), config)
		for _, s := range secrets {
			s.Place = finding.Place{Path: inspect.ConfigPath, Inside: inside}
			found.Secrets = append(found.Secrets, s)
		}
	}
	for _, e := range c.Env {
		name, _, _ := strings.Cut(e, "=")
		look("env "+name, e)
	}
	labels := make([]string, 0, len(c.Labels))
	for k := range c.Labels {
		labels = append(labels, k)
	}
	slices.Sort(labels)
	for _, k := range labels {
		look("label "+k, k+"="+c.Labels[k])
	}
	for n, h := range c.History {
		look(fmt.Sprintf("history %d", n), strings.TrimPrefix(h.CreatedBy, "#"))
	}
	return found
}
