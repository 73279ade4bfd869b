package assurance

import (
	"cmp"
	"slices"

	"github.com/limpet-security/limpet/internal/finding"
)

// checkRule is a CheckRule, compiled.
type checkRule struct {
	CheckRule
	name       string
	ids        patterns
	benchmarks patterns
	paths      patterns
}

func (c CheckRule) compile(i int) (out checkRule, err error) {
	out = checkRule{CheckRule: c, name: ruleName(c.Name, i)}
	if out.ids, err = compile(c.IDs); err != nil {
		return out, err
	}
	if out.benchmarks, err = compile(c.Benchmarks); err != nil {
		return out, err
	}
	out.paths, err = compile(c.Paths)
	return out, err
}

func (c *checkRule) selects(m *finding.Misconfiguration) bool {
	return m.Severity.Rank() >= finding.Severity(c.AtLeast).Rank() &&
		(len(c.ids) == 0 || c.ids.match(m.ID)) &&
		(len(c.benchmarks) == 0 || slices.ContainsFunc(m.References, c.benchmarks.match)) &&
		(len(c.paths) == 0 || c.paths.match(m.Place.Path))
}

func (k *Misconfigurations) compile() (func(*run, ControlID, Mode), error) {
	var rules []checkRule
	for i, r := range k.Rules {
		c, err := r.compile(i)
		if err != nil {
			return nil, err
		}
		rules = append(rules, c)
	}
	// What no rule selects is for the control itself.
	rest, err := CheckRule{AtLeast: k.AtLeast, IDs: k.IDs}.compile(0)
	if err != nil {
		return nil, err
	}
	rest.name = ""
	rules = append(rules, rest)
	return func(r *run, id ControlID, mode Mode) {
		found := make([][]candidate, len(rules))
		for i := range r.report.Misconfigurations {
			m := &r.report.Misconfigurations[i]
			if n := slices.IndexFunc(rules, func(c checkRule) bool { return c.selects(m) }); n >= 0 {
				found[n] = append(found[n], checkCandidate(m))
			}
		}
		for i, c := range rules {
			if mode := cmp.Or(c.Mode, mode); mode != Off {
				r.violated(id, mode, c.name, 0, found[i], func(n int) string { return counted(n, "failed check") })
			}
		}
		r.unlooked(id, mode, "misconfig")
	}, nil
}
