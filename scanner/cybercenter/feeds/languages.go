package feeds

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"go.yaml.in/yaml/v3"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// readRustSec reads an advisory of RustSec: TOML in the first code block of a
// Markdown file, then title and text.
func readRustSec(name string, r io.Reader, o *Out) error {
	b, err := readAll(r)
	if err != nil {
		return err
	}
	_, rest, ok := bytes.Cut(b, []byte("```toml\n"))
	head, text, ok2 := bytes.Cut(rest, []byte("\n```"))
	if !ok || !ok2 {
		return errors.New("it has no block of TOML")
	}
	var v struct {
		Advisory struct {
			ID            string
			Package       string
			Aliases       []string
			Date          string
			URL           string
			References    []string
			CVSS          string
			Informational string
			Withdrawn     string
		}
		Versions struct{ Patched, Unaffected []string }
		Affected struct{ Functions map[string][]string }
	}
	if _, err := toml.Decode(string(head), &v); err != nil {
		return err
	}
	a := v.Advisory
	switch {
	case a.Withdrawn != "":
		o.skip("withdrawn")
		return nil
	case a.Informational != "" && a.Informational != "unsound":
		o.skip("informational: " + clip(a.Informational, 40))
		return nil
	}
	ranges, err := order{"crates.io"}.affected(slices.Concat(v.Versions.Patched, v.Versions.Unaffected))
	if err != nil {
		return err
	}
	urls := append([]string{a.URL, "https://rustsec.org/advisories/" + a.ID}, a.References...)
	row := vulndb.Advisory{ID: a.ID, CVEs: cves(a.Aliases), Aliases: a.Aliases, Ranges: ranges, URLs: urls, Symbols: slices.Collect(maps.Keys(v.Affected.Functions))}
	title, description, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	d := vulndb.Detail{Title: strings.TrimLeft(title, "# "), Description: description, Published: day(a.Date), URLs: urls}
	if c, ok := cvss(o.Source, a.CVSS); ok {
		d.CVSS = []finding.CVSS{c}
		d.Severity = ofScore(c.Score)
		row.Severity = d.Severity
	}
	o.record(name, a.Date, o.both("crates.io", a.Package, row, d))
	return nil
}

// both adds a row and its detail, by the CVE's name where there is one.
func (o *Out) both(eco vulndb.Ecosystem, pkg string, a vulndb.Advisory, d vulndb.Detail) error {
	if err := o.advisory(eco, pkg, a); err != nil {
		return err
	}
	d.ID, d.Aliases = a.ID, a.Aliases
	if len(a.CVEs) == 1 && a.CVEs[0] != a.ID {
		d.ID = a.CVEs[0]
		d.Aliases = append([]string{a.ID}, without(a.Aliases, d.ID)...)
	}
	return o.detail(d)
}

// readRubySec reads an advisory of ruby-advisory-db.
func readRubySec(name string, r io.Reader, o *Out) error {
	b, err := readAll(r)
	if err != nil {
		return err
	}
	var v struct {
		Gem, Engine, CVE, GHSA, OSVDB, URL, Title, Date, Description string
		V2                                                           float64  `yaml:"cvss_v2"`
		V3                                                           float64  `yaml:"cvss_v3"`
		V4                                                           float64  `yaml:"cvss_v4"`
		Patched                                                      []string `yaml:"patched_versions"`
		Unaffected                                                   []string `yaml:"unaffected_versions"`
		Related                                                      struct{ CVE, URL []string }
	}
	if err := yaml.Unmarshal(b, &v); err != nil {
		return err
	}
	if v.Gem == "" && v.Engine == "" {
		return errors.New("it names no gem")
	}
	var ids []string
	for prefix, id := range map[string]string{"CVE-": v.CVE, "GHSA-": v.GHSA, "OSVDB-": v.OSVDB} {
		if id != "" {
			ids = append(ids, prefix+id)
		}
	}
	slices.Sort(ids) // CVE, GHSA, OSVDB
	if len(ids) == 0 {
		ids = []string{"RUBYSEC-" + strings.TrimSuffix(lastPart(name), ".yml")}
	}
	ranges, err := order{"RubyGems"}.affected(slices.Concat(v.Patched, v.Unaffected))
	if err != nil {
		return err
	}
	eco, pkg := vulndb.Ecosystem("RubyGems"), v.Gem
	if v.Gem == "" {
		eco, pkg = CPE, "ruby-lang:"+v.Engine
	}
	row := vulndb.Advisory{ID: ids[0], Aliases: ids[1:], CVEs: cves(ids), Ranges: ranges, Severity: ofScore(max(v.V3, v.V4)), URLs: []string{v.URL}}
	if row.Severity == "" {
		row.Severity = ofScore(v.V2)
	}
	o.record(name, v.Date, o.both(eco, pkg, row, vulndb.Detail{Title: v.Title, Description: v.Description, Severity: row.Severity,
		Published: day(v.Date), URLs: append([]string{v.URL}, v.Related.URL...)}))
	return nil
}

// readFriendsOfPHP reads an advisory of FriendsOfPHP/security-advisories: per
// branch the versions that are affected.
func readFriendsOfPHP(name string, r io.Reader, o *Out) error {
	b, err := readAll(r)
	if err != nil {
		return err
	}
	var v struct {
		Title, Link, CVE, Reference string
		Branches                    map[string]struct {
			Time     string
			Versions []string
		}
	}
	if err := yaml.Unmarshal(b, &v); err != nil {
		return err
	}
	pkg, ok := strings.CutPrefix(v.Reference, "composer://")
	if !ok {
		return errors.New("it names no package")
	}
	id := v.CVE
	if !isCVE.MatchString(id) {
		id = "FOP-" + strings.NewReplacer("/", "-", "\\", "-").Replace(pkg) + "-" + strings.TrimSuffix(lastPart(name), ".yaml")
	}
	row := vulndb.Advisory{ID: id, CVEs: cves([]string{id}), URLs: []string{v.Link}}
	newest := ""
	for _, branch := range slices.Sorted(maps.Keys(v.Branches)) {
		s, err := order{"Packagist"}.parse(strings.Join(v.Branches[branch].Versions, ","))
		if err != nil {
			return fmt.Errorf("branch %s: %w", clip(branch, 40), err)
		}
		rg := vulndb.Range{Introduced: "0"}
		if s.low.version != "" {
			rg.Introduced = s.low.version
		}
		if s.high.open {
			rg.Fixed = s.high.version
		} else {
			rg.LastAffected = s.high.version
		}
		row.Ranges = append(row.Ranges, rg)
		newest = max(newest, day(v.Branches[branch].Time))
	}
	if len(row.Ranges) == 0 {
		return errors.New("it names no versions")
	}
	row.FixedAt = newest
	o.record(name, newest, o.both("Packagist", pkg, row, vulndb.Detail{Title: v.Title, Published: newest, URLs: []string{v.Link}}))
	return nil
}

// readRetireJS reads retire.js' list. Rows go by the package's name at npm; the
// list as a whole is carried along, for libraries that are recognised by content.
func readRetireJS(name string, r io.Reader, o *Out) error {
	b, err := readAll(r)
	if err != nil {
		return err
	}
	var v map[string]struct {
		NPM  string `json:"npmname"`
		List []struct {
			Below       string   `json:"below"`
			From        string   `json:"atOrAbove"`
			Severity    string   `json:"severity"`
			CWE         []string `json:"cwe"`
			Info        []string `json:"info"`
			Identifiers struct {
				CVE     []string `json:"CVE"`
				GHSA    string   `json:"githubID"`
				Summary string   `json:"summary"`
			} `json:"identifiers"`
		} `json:"vulnerabilities"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if err := o.W.Blob("retirejs/repository.json", b); err != nil {
		return err
	}
	for _, library := range slices.Sorted(maps.Keys(v)) {
		for i, x := range v[library].List {
			pkg := v[library].NPM
			list := cves(x.Identifiers.CVE)
			ids := list
			if x.Identifiers.GHSA != "" {
				ids = append(ids[:len(ids):len(ids)], x.Identifiers.GHSA)
			}
			if len(ids) == 0 {
				o.skip("without an identifier")
				continue
			}
			if pkg == "" {
				o.skip("not a package of npm")
				continue
			}
			row := vulndb.Advisory{ID: ids[0], Aliases: ids[1:], CVEs: list, Severity: severity(x.Severity), URLs: x.Info, Ranges: []vulndb.Range{{Introduced: "0", Fixed: x.Below}}}
			if x.From != "" {
				row.Ranges[0].Introduced = x.From
			}
			if len(list) > 1 {
				row.Aliases = nil // several flaws in one entry are not one
			}
			o.record(fmt.Sprintf("%s %s[%d]", name, library, i), "", o.both("npm", pkg, row, vulndb.Detail{Title: x.Identifiers.Summary, Severity: row.Severity, CWEs: x.CWE, URLs: x.Info}))
		}
	}
	return nil
}
