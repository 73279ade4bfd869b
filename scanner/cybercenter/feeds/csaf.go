package feeds

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// csafDocument is a CSAF 2.0 document, an advisory or a VEX statement, as far
// as Red Hat and SUSE use it.
type csafDocument struct {
	Document struct {
		Title    string `json:"title"`
		Tracking struct {
			ID      string `json:"id"`
			Current string `json:"current_release_date"`
			Initial string `json:"initial_release_date"`
		} `json:"tracking"`
		Severity struct {
			Text string `json:"text"`
		} `json:"aggregate_severity"`
	} `json:"document"`
	Tree struct {
		Branches      []csafBranch       `json:"branches"`
		Relationships []csafRelationship `json:"relationships"`
	} `json:"product_tree"`
	Vulnerabilities []csafVulnerability `json:"vulnerabilities"`
}

type csafBranch struct {
	Branches []csafBranch `json:"branches"`
	Product  *csafProduct `json:"product"`
}

type csafProduct struct {
	ID     string `json:"product_id"`
	Name   string `json:"name"`
	Helper struct {
		CPE  string `json:"cpe"`
		PURL string `json:"purl"`
	} `json:"product_identification_helper"`
}

type csafRelationship struct {
	Product   csafProduct `json:"full_product_name"`
	Component string      `json:"product_reference"`
	Platform  string      `json:"relates_to_product_reference"`
}

type csafVulnerability struct {
	CVE   string `json:"cve"`
	Title string `json:"title"`
	CWE   struct {
		ID string `json:"id"`
	} `json:"cwe"`
	Notes []struct {
		Category string `json:"category"`
		Text     string `json:"text"`
	} `json:"notes"`
	Released string `json:"release_date"`
	Status   struct {
		Fixed       []string `json:"fixed"`
		FirstFixed  []string `json:"first_fixed"`
		Recommended []string `json:"recommended"` // SUSE's word for fixed
		Affected    []string `json:"known_affected"`
		NotAffected []string `json:"known_not_affected"`
		Open        []string `json:"under_investigation"`
	} `json:"product_status"`
	Remedies []struct {
		Category string   `json:"category"`
		Details  string   `json:"details"`
		Date     string   `json:"date"`
		Products []string `json:"product_ids"`
		URL      string   `json:"url"`
	} `json:"remediations"`
	Threats []struct {
		Category string   `json:"category"`
		Details  string   `json:"details"`
		Products []string `json:"product_ids"`
	} `json:"threats"`
	Scores []struct {
		V2 *csafScore `json:"cvss_v2"`
		V3 *csafScore `json:"cvss_v3"`
		V4 *csafScore `json:"cvss_v4"`
	} `json:"scores"`
}

type csafScore struct {
	Vector string `json:"vectorString"`
}

// component is a package as a product of a CSAF document.
type component struct {
	name, version, arch, module string
}

// csafMaxDepth bounds nested branches.
const csafMaxDepth = 16

// readCSAF reads one CSAF document.
func readCSAF(name string, r io.Reader, o *Out) error {
	b, err := readAll(r)
	if err != nil {
		return err
	}
	var doc csafDocument
	if err := json.Unmarshal(b, &doc); err != nil {
		return err
	}
	if len(doc.Vulnerabilities) == 0 {
		o.skip("names no vulnerability")
		return nil
	}
	o.record(name, doc.Document.Tracking.Current, doc.rows(o))
	return nil
}

func (doc *csafDocument) rows(o *Out) error {
	products := map[string]csafProduct{}
	var walk func([]csafBranch, int) error
	walk = func(l []csafBranch, depth int) error {
		if depth > csafMaxDepth {
			return fmt.Errorf("branches are nested deeper than %d", csafMaxDepth)
		}
		for _, b := range l {
			if b.Product != nil {
				products[b.Product.ID] = *b.Product
			}
			if err := walk(b.Branches, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(doc.Tree.Branches, 0); err != nil {
		return err
	}
	relations := map[string]csafRelationship{}
	for _, r := range doc.Tree.Relationships {
		relations[r.Product.ID] = r
	}
	// resolve gives what a product is: a package on a release.
	resolve := func(id string) (vulndb.Ecosystem, component, bool) {
		r, ok := relations[id]
		if !ok {
			return "", component{}, false
		}
		platform, part := r.Platform, r.Component
		module := ""
		for range 4 { // a package of a module of a release
			up, ok := relations[platform]
			if !ok {
				break
			}
			module, platform = moduleOf(products[up.Component], up.Component), up.Platform
		}
		eco, ok := csafPlatform(products[platform])
		if !ok {
			return "", component{}, false
		}
		c, ok := csafComponent(products[part], part)
		if c.module == "" {
			c.module = module
		}
		return eco, c, ok
	}
	for i := range doc.Vulnerabilities {
		if err := doc.Vulnerabilities[i].rows(o, doc, resolve); err != nil {
			return err
		}
	}
	return nil
}

func (v *csafVulnerability) rows(o *Out, doc *csafDocument, resolve func(string) (vulndb.Ecosystem, component, bool)) error {
	if v.CVE == "" {
		return nil
	}
	type key struct {
		eco                   vulndb.Ecosystem
		name, version, module string
		status                vulndb.Status
		severity              finding.Severity
		id, url, date         string
	}
	arches, order := map[key][]string{}, []key(nil)
	impact := map[string]finding.Severity{}
	for _, t := range v.Threats {
		if t.Category == "impact" {
			for _, p := range t.Products {
				impact[p] = severity(t.Details)
			}
			if len(t.Products) == 0 {
				impact[""] = severity(t.Details)
			}
		}
	}
	own := severity(doc.Document.Severity.Text)
	type remedy struct{ id, url, date string }
	fixes, states := map[string]remedy{}, map[string]vulndb.Status{}
	for _, r := range v.Remedies {
		for _, p := range r.Products {
			switch r.Category {
			case "vendor_fix":
				fixes[p] = remedy{lastPart(r.URL), r.URL, day(r.Date)}
			case "no_fix_planned":
				states[p] = vulndb.WontFix
				if strings.Contains(strings.ToLower(r.Details), "out of support") {
					states[p] = vulndb.EndOfLife
				}
			case "none_available":
				if strings.Contains(strings.ToLower(r.Details), "deferred") {
					states[p] = vulndb.Deferred
				}
			}
		}
	}
	add := func(products []string, status vulndb.Status, fixed bool) {
		for _, p := range products {
			eco, c, ok := resolve(p)
			if !ok || fixed && c.version == "" {
				continue
			}
			k := key{eco: eco, name: c.name, module: c.module, status: status, id: v.CVE, severity: impact[p]}
			if k.severity == "" {
				k.severity = impact[""]
			}
			if k.severity == "" {
				k.severity = own
			}
			if fixed {
				f := fixes[p]
				k.version, k.url, k.date = c.version, f.url, f.date
				if f.id != "" && !isCVE.MatchString(f.id) {
					k.id = f.id
				} else if id := doc.Document.Tracking.ID; id != "" && !isCVE.MatchString(id) && len(id) < 40 {
					k.id = id
				}
			} else if s, ok := states[p]; ok && status == vulndb.Affected {
				k.status = s
			}
			if arches[k] == nil {
				order = append(order, k)
			}
			arches[k] = append(arches[k], c.arch)
		}
	}
	add(slices.Concat(v.Status.Fixed, v.Status.FirstFixed, v.Status.Recommended), vulndb.Affected, true)
	add(v.Status.Affected, vulndb.Affected, false)
	add(v.Status.NotAffected, vulndb.NotAffected, false)
	add(v.Status.Open, vulndb.Unknown, false)
	// What SUSE fixed for long-term support alone is fixed: its base then says that
	// no fix is planned, of every version.
	mended := map[key]bool{}
	where := func(k key) key { return key{eco: k.eco, name: k.name, module: k.module} }
	for _, k := range order {
		if k.version != "" && strings.HasPrefix(string(k.eco), "SUSE ") {
			mended[where(k)] = true
		}
	}
	for _, k := range order {
		if k.version == "" && k.status != vulndb.NotAffected && mended[where(k)] {
			continue
		}
		a := vulndb.Advisory{ID: k.id, CVEs: []string{v.CVE}, Status: k.status, Severity: k.severity, FixedAt: k.date, Module: k.module, Arches: unlessAll(arches[k]), URLs: []string{k.url}}
		if k.status != vulndb.NotAffected {
			a.Ranges = []vulndb.Range{{Introduced: "0", Fixed: k.version}}
		}
		if err := o.advisory(k.eco, k.name, a); err != nil {
			return err
		}
	}
	d := vulndb.Detail{ID: v.CVE, Title: v.Title, Published: day(v.Released), Severity: own}
	for _, n := range v.Notes {
		if n.Category == "description" || d.Description == "" && n.Category == "general" {
			d.Description = n.Text
		}
	}
	if v.CWE.ID != "" {
		d.CWEs = []string{v.CWE.ID}
	}
	for _, s := range v.Scores {
		for _, x := range []*csafScore{s.V2, s.V3, s.V4} {
			if x != nil {
				if c, ok := cvss(o.Source, x.Vector); ok && !slices.Contains(d.CVSS, c) {
					d.CVSS = append(d.CVSS, c)
				}
			}
		}
	}
	return o.detail(d)
}

var (
	redhatCPE  = regexp.MustCompile(`^cpe:(?:/|2\.3:)[ao]:redhat:enterprise_linux:(\d+)(?:[.:]|$)`)
	suseCPE    = regexp.MustCompile(`^cpe:(?:/|2\.3:)[ao]:(?:suse|opensuse):(sles|sles-ltss|sle_hpc|sled|leap|tumbleweed|sle-micro)(?::(\d+(?:\.\d+)?))?(?::sp(\d+))?(?::|$)`)
	suseName   = regexp.MustCompile(`^(SUSE Linux Enterprise (?:Server|Desktop|Micro)|SUSE Linux Micro|openSUSE Leap) (\d+(?:\.\d+)?)(?: SP(\d+))?(?:[- ]LTSS)?$`)
	suseModule = regexp.MustCompile(`^SUSE Linux Enterprise Module for .* (\d+)(?: SP(\d+))?$`)
	nevra      = regexp.MustCompile(`^(.+)-(?:(\d+):)?([^-:]+-[^-]+?)(?:\.(x86_64|aarch64|ppc64le|s390x|i686|i586|noarch|src|nosrc|armv7hl|ppc64|ia64))?$`)
	modular    = regexp.MustCompile(`(?:^|:)([a-z][\w.+-]*:[\w.]+):\d{10,}`)
)

// csafPlatform gives the ecosystem of a product that is a release.
func csafPlatform(p csafProduct) (vulndb.Ecosystem, bool) {
	if m := redhatCPE.FindStringSubmatch(p.Helper.CPE); m != nil {
		return vulndb.Ecosystem("Red Hat:" + m[1]), true
	}
	dotted := func(v, sp string) string {
		if sp != "" {
			return v + "." + sp
		}
		return v
	}
	if m := suseModule.FindStringSubmatch(p.Name); m != nil {
		return vulndb.Ecosystem("SUSE Linux Enterprise Server:" + dotted(m[1], m[2])), true
	}
	if m := suseName.FindStringSubmatch(p.Name); m != nil {
		return vulndb.Ecosystem(m[1] + ":" + dotted(m[2], m[3])), true
	}
	if m := suseCPE.FindStringSubmatch(p.Helper.CPE); m != nil {
		switch m[1] {
		case "sles", "sles-ltss":
			return vulndb.Ecosystem("SUSE Linux Enterprise Server:" + dotted(m[2], m[3])), m[2] != ""
		case "leap":
			return vulndb.Ecosystem("openSUSE Leap:" + m[2]), m[2] != ""
		case "tumbleweed":
			return "openSUSE Tumbleweed", true
		}
	}
	return "", false
}

// csafComponent reads a package off its purl, or off its id (NEVRA or a name).
func csafComponent(p csafProduct, id string) (component, bool) {
	if strings.HasPrefix(p.Helper.PURL, "pkg:rpm/") {
		rest, query, _ := strings.Cut(strings.TrimPrefix(p.Helper.PURL, "pkg:rpm/"), "?")
		name, version, _ := strings.Cut(rest[strings.Index(rest, "/")+1:], "@")
		q, err := url.ParseQuery(strings.ReplaceAll(query, "+", "%2B"))
		name, err1 := url.PathUnescape(name)
		version, err2 := url.PathUnescape(version)
		if err != nil || err1 != nil || err2 != nil || name == "" {
			return component{}, false
		}
		c := component{name: name, version: version, arch: q.Get("arch"), module: shortStream(q.Get("rpmmod"))}
		if e := q.Get("epoch"); e != "" && e != "0" && version != "" {
			c.version = e + ":" + version
		}
		return c, true
	}
	if strings.HasPrefix(p.Helper.PURL, "pkg:") {
		return component{}, false // containers, modules as such
	}
	if m := nevra.FindStringSubmatch(id); m != nil && strings.ContainsAny(m[3], "0123456789") {
		c := component{name: m[1], version: m[3], arch: m[4]}
		if m[2] != "" && m[2] != "0" {
			c.version = m[2] + ":" + m[3]
		}
		return c, true
	}
	return component{name: id}, id != "" && !strings.ContainsAny(id, ":/ ")
}

func moduleOf(p csafProduct, id string) string {
	if strings.HasPrefix(p.Helper.PURL, "pkg:rpmmod/") {
		rest, _, _ := strings.Cut(strings.TrimPrefix(p.Helper.PURL, "pkg:rpmmod/"), "?")
		name, version, _ := strings.Cut(rest[strings.Index(rest, "/")+1:], "@")
		s, _, _ := strings.Cut(version, ":")
		if name != "" && s != "" {
			return name + ":" + s
		}
	}
	if m := modular.FindStringSubmatch(id); m != nil {
		return m[1]
	}
	return ""
}

// shortStream gives nodejs:18 for nodejs:18:8090020240101:a1b2c3.
func shortStream(s string) string {
	f := strings.Split(s, ":")
	if len(f) < 2 || f[0] == "" {
		return ""
	}
	return f[0] + ":" + f[1]
}

func lastPart(s string) string { return s[strings.LastIndex(s, "/")+1:] }
