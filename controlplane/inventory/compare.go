package inventory

import (
	"cmp"
	"slices"

	"github.com/limpet-security/limpet/internal/finding"
)

// Difference is what changed from one report to another.
type Difference struct {
	Added    []finding.Vulnerability // in the second only
	Fixed    []finding.Vulnerability // in the first only
	Same     int
	Packages []PackageChange
}

// PackageChange is a package that came, went or changed its version.
type PackageChange struct {
	Type finding.Type `json:"type"`
	Name string       `json:"name"`
	From []string     `json:"from" nullable:"false" doc:"Versions before; none: it came"`
	To   []string     `json:"to" nullable:"false" doc:"Versions after; none: it went"`
}

// Compare says what is different in b. A vulnerability is the same when the same
// package has it, whatever the package's version.
func Compare(a, b *finding.Report) Difference {
	type key struct {
		id   string
		typ  finding.Type
		name string
	}
	index := func(r *finding.Report) map[key]finding.Vulnerability {
		m := make(map[key]finding.Vulnerability, len(r.Vulnerabilities))
		for _, v := range r.Vulnerabilities {
			m[key{v.ID, v.Type, v.Name}] = v
		}
		return m
	}
	was, is := index(a), index(b)
	var d Difference
	for k, v := range is {
		if _, ok := was[k]; ok {
			d.Same++
		} else {
			d.Added = append(d.Added, v)
		}
	}
	for k, v := range was {
		if _, ok := is[k]; !ok {
			d.Fixed = append(d.Fixed, v)
		}
	}
	worst := func(a, b finding.Vulnerability) int {
		return cmp.Or(cmp.Compare(b.Severity.Rank(), a.Severity.Rank()), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type))
	}
	slices.SortFunc(d.Added, worst)
	slices.SortFunc(d.Fixed, worst)
	type pkg struct {
		typ  finding.Type
		name string
	}
	versions := func(r *finding.Report) map[pkg][]string {
		m := map[pkg][]string{}
		for _, p := range r.Packages {
			k := pkg{p.Type, p.Name}
			if !slices.Contains(m[k], p.Version) {
				m[k] = append(m[k], p.Version)
			}
		}
		for _, v := range m {
			slices.Sort(v)
		}
		return m
	}
	before, after := versions(a), versions(b)
	for k, from := range before {
		if to := after[k]; !slices.Equal(from, to) {
			d.Packages = append(d.Packages, PackageChange{k.typ, k.name, from, append([]string{}, to...)})
		}
	}
	for k, to := range after {
		if _, ok := before[k]; !ok {
			d.Packages = append(d.Packages, PackageChange{k.typ, k.name, []string{}, to})
		}
	}
	slices.SortFunc(d.Packages, func(a, b PackageChange) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type)) })
	return d
}
