package assurance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/osv-scalibr/semantic"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/internal/glob"
)

// packageRule is a PackageRule, compiled.
type packageRule struct {
	PackageRule
	name     *glob.Pattern
	licences patterns
}

func packageRules(list []PackageRule) ([]packageRule, error) {
	var out []packageRule
	for _, r := range list {
		c := packageRule{PackageRule: r}
		var err error
		if r.Name != "" {
			if c.name, err = glob.Compile(r.Name); err != nil {
				return nil, err
			}
		}
		if c.licences, err = compile(r.Licences); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func (k *Packages) compile() (func(*run, ControlID, Mode), error) {
	deny, err := packageRules(k.Deny)
	if err != nil {
		return nil, err
	}
	allow, err := packageRules(k.Allow)
	if err != nil {
		return nil, err
	}
	return func(r *run, id ControlID, mode Mode) {
		for i := range deny {
			var found []candidate
			for j := range r.report.Packages {
				if p := &r.report.Packages[j]; deny[i].selects(r, p) {
					found = append(found, packageCandidate(p))
				}
			}
			r.violated(id, mode, fmt.Sprintf("deny[%d]", i), 0, found, func(n int) string { return counted(n, "forbidden package") })
		}
		if len(allow) == 0 {
			return
		}
		var found []candidate
		for j := range r.report.Packages {
			p := &r.report.Packages[j]
			if !slices.ContainsFunc(allow, func(a packageRule) bool { return a.selects(r, p) }) {
				found = append(found, packageCandidate(p))
			}
		}
		r.violated(id, mode, "allow", 0, found, func(n int) string { return counted(n, "package") + " not among those allowed" })
	}, nil
}

func packageCandidate(p *finding.Package) candidate {
	return candidate{Ref: Ref{ID: p.Name, Package: p.Name, Version: p.Version, Detail: string(p.Type)}, paths: placePaths(p.Places...)}
}

func (r *packageRule) selects(run *run, p *finding.Package) bool {
	switch {
	case r.name != nil && !r.name.Match(p.Name),
		len(r.Types) > 0 && !slices.Contains(r.Types, string(p.Type)),
		r.Version != "" && r.Version != p.Version,
		r.Arch != "" && r.Arch != p.Arch,
		len(r.licences) > 0 && !slices.ContainsFunc(p.Licences, r.licences.match):
		return false
	}
	if r.From == "" && r.Below == "" {
		return true
	}
	in, err := within(p, r.From, r.Below)
	if err != nil {
		run.notKnown("packages: %s %s cannot be compared (%v): counted as in the range", p.Name, p.Version, err)
		return true
	}
	return in
}

// within says that from <= version < below, by the order of the package's type.
func within(p *finding.Package, from, below string) (bool, error) {
	ecosystem := map[finding.Type]string{
		finding.Deb: "Debian", finding.RPM: "Red Hat", finding.APK: "Alpine", finding.NPM: "npm", finding.PyPI: "PyPI", finding.Maven: "Maven",
		finding.Go: "Go", finding.Gem: "RubyGems", finding.Cargo: "crates.io", finding.Composer: "Packagist", finding.NuGet: "NuGet",
	}[p.Type]
	if ecosystem == "" {
		ecosystem = "npm" // semantic versions, as unpackaged binaries have
	}
	v, err := semantic.Parse(strings.TrimPrefix(p.Version, "v"), ecosystem)
	if err != nil {
		return false, err
	}
	if from != "" {
		if c, err := v.CompareStr(strings.TrimPrefix(from, "v")); err != nil || c < 0 {
			return false, err
		}
	}
	if below != "" {
		if c, err := v.CompareStr(strings.TrimPrefix(below, "v")); err != nil || c >= 0 {
			return false, err
		}
	}
	return true, nil
}

func (k *Licences) compile() (func(*run, ControlID, Mode), error) {
	deny, err := compile(k.Deny)
	if err != nil {
		return nil, err
	}
	allow, err := compile(k.Allow)
	if err != nil {
		return nil, err
	}
	return func(r *run, id ControlID, mode Mode) {
		var denied, others []candidate
		for i := range r.report.Licences {
			l := &r.report.Licences[i]
			c := licenceCandidate(l, r.packages)
			switch {
			case deny.match(l.Name) || slices.Contains(k.DenyCategories, LicenceCategory(l.Category)):
				denied = append(denied, c)
			case len(allow) > 0 && !allow.match(l.Name):
				others = append(others, c)
			}
		}
		r.violated(id, mode, "deny", 0, denied, func(n int) string { return counted(n, "forbidden licence") })
		r.violated(id, mode, "allow", 0, others, func(n int) string { return counted(n, "licence") + " not among those allowed" })
		r.unlooked(id, mode, "licences")
	}, nil
}
