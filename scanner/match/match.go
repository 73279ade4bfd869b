package match

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	packageurl "github.com/package-url/packageurl-go"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// The rules by which this package sets findings aside.
const (
	ByOwner   = "owned-by-os"
	ByHeaders = "kernel-headers"
	ByData    = "no-code"
	ByVendor  = "vendor-not-affected"
)

// Match fills in what the source says about the report's packages, in place of
// what an earlier match said. It does not sort: finding.Report.Sort does.
func Match(ctx context.Context, r *finding.Report, src Source) error {
	m := matcher{src: src, report: r, distro: Distribution(r.OS), coverage: map[string]*finding.Coverage{}, details: map[string]*vulndb.Detail{}, skipped: map[string]*skipped{}}
	r.Database, r.Vulnerabilities, r.Coverage = src.Database(), nil, nil
	r.Suppressed = slices.DeleteFunc(r.Suppressed, func(s finding.Suppressed) bool {
		return s.By == ByOwner || s.By == ByHeaders || s.By == ByVendor || s.By == ByData
	})
	if r.OS != nil {
		end, err := endOfLife(src, r.OS)
		if err != nil {
			return fmt.Errorf("cannot match: %w", err)
		}
		r.OS.EndOfLife, r.OS.Ended = end, ended(end, r.Database.Built)
	}
	for i := range r.Packages {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := m.one(&r.Packages[i]); err != nil {
			return fmt.Errorf("cannot match %.100q: %w", r.Packages[i].Name, err)
		}
	}
	m.finish()
	return nil
}

type matcher struct {
	src      Source
	report   *finding.Report
	distro   vulndb.Ecosystem
	coverage map[string]*finding.Coverage
	skipped  map[string]*skipped
	details  map[string]*vulndb.Detail
	byID     map[string]*finding.Package
}

// skipped counts the packages of an ecosystem that could not be compared.
type skipped struct {
	packages int
	example  string
}

// one matches one package.
func (m *matcher) one(p *finding.Package) error {
	if err := m.name(p); err != nil {
		return err
	}
	if p.Confidence == finding.Guess {
		m.covered(string(languages[p.Type])+guesses, false)
		return nil
	}
	looks := lookups(p, m.distro)
	if len(looks) == 0 {
		m.covered("no ecosystem ("+string(p.Type)+")", false)
		return nil
	}
	eco := string(looks[0].eco)
	if !m.covered(eco, m.src.HasEcosystem(looks[0].eco)) {
		return nil
	}
	groups, err := m.groups(p, looks)
	if err != nil {
		return err
	}
	for _, g := range groups {
		m.settle(p, g)
	}
	return nil
}

// guesses marks the coverage of packages that may have another name.
const guesses = " (names that are guesses)"

// name tells a Java archive whose name was guessed by its digest.
func (m *matcher) name(p *finding.Package) error {
	if p.Type != finding.Maven || p.SHA1 == "" {
		return nil
	}
	coordinates, err := m.src.Jar(p.SHA1)
	i, k := strings.IndexByte(coordinates, ':'), strings.LastIndexByte(coordinates, ':')
	if err != nil || i < 1 || k <= i {
		return err
	}
	p.Name, p.Version, p.Evidence, p.Confidence = coordinates[:k], coordinates[k+1:], "SHA-1 of the archive", ""
	p.PURL = packageurl.NewPackageURL("maven", coordinates[:i], coordinates[i+1:k], p.Version, nil, "").ToString()
	return nil
}

// group is all that is said of one vulnerability of one package.
type group struct {
	id      string
	aliases []string
	hits    []hit
	denied  *hit // the publisher's row that says it is not affected
}

// groups collects the rows that speak of a package, by vulnerability.
func (m *matcher) groups(p *finding.Package, looks []lookup) ([]*group, error) {
	var all []*group
	by := map[string]*group{}
	for n, look := range looks {
		rows, err := m.src.Advisories(look.eco, look.name)
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 && n < len(looks)-1 {
			continue
		}
		order, err := NewOrder(p.Type, look.version)
		if err != nil {
			m.skip(p, err)
			break
		}
		for i := range rows {
			row := &rows[i]
			if !concerns(row, p) {
				continue
			}
			h, holds, err := judge(row, look, order)
			if err != nil {
				m.skip(p, err)
				continue
			}
			if !holds {
				continue
			}
			for _, id := range ids(row) {
				g := find(by, id, row)
				if g == nil {
					g = &group{id: id}
					all = append(all, g)
				}
				for _, name := range append([]string{id, row.ID}, aliasesFor(id, row)...) {
					if by[name] == nil || name == g.id {
						by[name] = g
					}
					if name != g.id && !slices.Contains(g.aliases, name) {
						g.aliases = append(g.aliases, name)
					}
				}
				if row.Status == vulndb.NotAffected {
					if g.denied == nil {
						g.denied = &h
					}
					continue
				}
				g.hits = append(g.hits, h)
			}
		}
	}
	return all, nil
}

// ids are the vulnerabilities that a row speaks of.
func ids(row *vulndb.Advisory) []string {
	if len(row.CVEs) > 0 {
		return row.CVEs
	}
	for _, a := range row.Aliases {
		if strings.HasPrefix(a, "CVE-") {
			return []string{a}
		}
	}
	return []string{row.ID}
}

// aliasesFor are the row's aliases that name the same vulnerability: those of a
// row with several CVEs do not.
func aliasesFor(id string, row *vulndb.Advisory) []string {
	if len(row.CVEs) > 1 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(row.Aliases), func(a string) bool { return a == id })
}

// find gives the group that a vulnerability belongs to: by its own id, or, where
// that is no CVE, by an alias.
func find(by map[string]*group, id string, row *vulndb.Advisory) *group {
	if g := by[id]; g != nil && (g.id == id || !strings.HasPrefix(id, "CVE-")) {
		return g
	}
	if len(row.CVEs) > 1 {
		return nil
	}
	for _, a := range append([]string{id}, aliasesFor(id, row)...) {
		g := by[a]
		if g == nil {
			continue
		}
		if strings.HasPrefix(id, "CVE-") && strings.HasPrefix(g.id, "CVE-") {
			continue // two CVEs stay two findings
		}
		if strings.HasPrefix(id, "CVE-") {
			g.aliases = append(g.aliases, g.id)
			g.id = id
			by[id] = g
		}
		return g
	}
	return nil
}

// settle makes a finding of a group, or sets it aside.
func (m *matcher) settle(p *finding.Package, g *group) {
	if len(g.hits) == 0 {
		return // only a publisher's word that it is not affected
	}
	v := m.vulnerability(p, g)
	switch {
	case g.denied != nil:
		m.suppress(p, v, ByVendor, fmt.Sprintf("%s says that %s is not affected by %s (%s, row %s)", g.denied.look.eco, p.Name, g.id, g.denied.row.Source, g.denied.row.ID))
	case p.Type.OS() && headers.MatchString(p.Name):
		m.suppress(p, v, ByHeaders, "headers describe the kernel's interface and hold no code of it; the kernel that runs is another package's or the host's")
	case p.Type.OS() && dataOnly.MatchString(p.Name):
		m.suppress(p, v, ByData, "documentation, translations and descriptions of locales hold no code; what runs is another package of "+cmp.Or(p.SourceName, p.Name))
	case p.OwnedBy != "" && !p.Type.OS() && !foreign(p) && m.distro != "" && m.src.HasEcosystem(m.distro):
		m.suppress(p, v, ByOwner, fmt.Sprintf("installed by the distribution's package %s, for which %s speaks (%s: %s)", m.owner(p.OwnedBy), m.distro, v.Why.Advisory, v.Why.Compared))
	default:
		m.report.Vulnerabilities = append(m.report.Vulnerabilities, v)
	}
}

func (m *matcher) suppress(p *finding.Package, v finding.Vulnerability, by, reason string) {
	s := finding.Suppressed{ID: v.ID, Package: p.ID, Name: p.Name, Version: p.Version, Path: v.Place.Path, By: by, Reason: reason}
	m.report.Suppressed = append(m.report.Suppressed, s)
}

// owner names a package by its id.
func (m *matcher) owner(id string) string {
	if m.byID == nil {
		m.byID = map[string]*finding.Package{}
		for i := range m.report.Packages {
			m.byID[m.report.Packages[i].ID] = &m.report.Packages[i]
		}
	}
	if p := m.byID[id]; p != nil {
		return p.Name
	}
	return id
}

// vulnerability writes a finding from a group's rows.
func (m *matcher) vulnerability(p *finding.Package, g *group) finding.Vulnerability {
	// The row that is told is the one with a fix, of the distribution's first words.
	slices.SortStableFunc(g.hits, func(a, b hit) int {
		return cmp.Or(rankFix(b)-rankFix(a), cmp.Compare(a.row.Source, b.row.Source), cmp.Compare(a.row.ID, b.row.ID))
	})
	best := g.hits[0]
	v := finding.Vulnerability{
		ID: g.id, Package: p.ID, Name: p.Name, Version: p.Version, Type: p.Type,
		FixState: state(best.row.Status), FixedAt: best.row.FixedAt,
		Why: finding.Why{Advisory: best.row.ID, Source: best.row.Source, Ecosystem: string(best.look.eco), Compared: best.compared},
	}
	if len(p.Places) > 0 {
		v.Place = p.Places[0]
	}
	if v.FixedVersion = reachable(g.hits); v.FixedVersion != "" {
		v.FixState = finding.Fixed
	} else {
		v.FixedAt = ""
	}
	for _, h := range g.hits {
		if h.row.Severity.Rank() > v.Severity.Rank() {
			v.Severity, v.SeveritySource = h.row.Severity, h.row.Source
		}
		v.URLs = append(v.URLs, h.row.URLs...)
	}
	m.describe(&v, g)
	slices.Sort(g.aliases)
	v.Aliases = slices.Compact(g.aliases)
	if v.Severity == "" {
		v.Severity = finding.Unknown
	}
	slices.Sort(v.URLs)
	v.URLs = slices.Compact(v.URLs)
	return v
}

// describe adds what is known of the vulnerability whatever it is found in.
func (m *matcher) describe(v *finding.Vulnerability, g *group) {
	for _, id := range append([]string{g.id}, g.aliases...) {
		d := m.detail(id)
		if d == nil {
			continue
		}
		if v.Severity.Rank() == 0 && d.Severity.Rank() > 0 {
			v.Severity, v.SeveritySource = d.Severity, "nvd"
			if len(d.CVSS) > 0 && d.CVSS[0].Source != "" {
				v.SeveritySource = d.CVSS[0].Source
			}
		}
		if len(v.CVSS) == 0 {
			v.CVSS = d.CVSS
		}
		v.Title, v.Description = cmp.Or(v.Title, d.Title), cmp.Or(v.Description, d.Description)
		v.Published, v.Modified = cmp.Or(v.Published, d.Published), cmp.Or(v.Modified, d.Modified)
		v.EPSS, v.KEV, v.SSVC = cmp.Or(v.EPSS, d.EPSS), cmp.Or(v.KEV, d.KEV), cmp.Or(v.SSVC, d.SSVC)
		if len(v.CWEs) == 0 {
			v.CWEs = d.CWEs
		}
		v.URLs = append(v.URLs, d.URLs...)
	}
}

func (m *matcher) detail(id string) *vulndb.Detail {
	d, seen := m.details[id]
	if !seen {
		if found, ok, err := m.src.Detail(id); ok && err == nil { // without a description the match still stands
			d = &found
		}
		m.details[id] = d
	}
	return d
}

func rankFix(h hit) int {
	if h.fix != "" {
		return 2
	}
	if h.row.Status == vulndb.Affected {
		return 1
	}
	return 0
}

func state(s vulndb.Status) finding.FixState {
	switch s {
	case vulndb.WontFix:
		return finding.WontFix
	case vulndb.Deferred:
		return finding.Deferred
	case vulndb.Unknown:
		return finding.UnknownFix
	case vulndb.EndOfLife:
		return finding.EndOfLifeOS
	}
	return finding.NotFixed
}

// covered counts a package of an ecosystem and gives back whether there is data.
func (m *matcher) covered(eco string, data bool) bool {
	c := m.coverage[eco]
	if c == nil {
		c = &finding.Coverage{Ecosystem: eco, Data: data}
		m.coverage[eco] = c
	}
	c.Packages++
	return data
}

func (m *matcher) skip(p *finding.Package, err error) {
	eco := string(lookups(p, m.distro)[0].eco)
	s := m.skipped[eco]
	if s == nil {
		s = &skipped{example: fmt.Sprintf("%.60q: %v", p.Name, err)}
		m.skipped[eco] = s
	}
	s.packages++
}

// finish writes the coverage.
func (m *matcher) finish() {
	for eco, c := range m.coverage {
		switch s := m.skipped[eco]; {
		case !c.Data && strings.HasSuffix(eco, guesses):
			c.Detail = "told by a file name or a manifest, and by no digest that the database knows: nothing was matched (--match-guesses does)"
		case !c.Data && strings.HasPrefix(eco, "no ecosystem"):
			c.Detail = "the distribution or registry that these come from is not known: nothing was matched"
		case !c.Data:
			c.Detail = "the database holds nothing for it: these packages were not matched"
		case s != nil:
			c.Detail = fmt.Sprintf("%d comparisons were not possible, such as %s", s.packages, s.example)
		}
		m.report.Coverage = append(m.report.Coverage, *c)
	}
}
