package feeds

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// ovalDefinition is one definition of an OVAL file, as Oracle, SUSE and
// Canonical write them.
type ovalDefinition struct {
	Class    string `xml:"class,attr"`
	Metadata struct {
		Title       string   `xml:"title"`
		Description string   `xml:"description"`
		Platforms   []string `xml:"affected>platform"`
		References  []struct {
			Source string `xml:"source,attr"`
			ID     string `xml:"ref_id,attr"`
			URL    string `xml:"ref_url,attr"`
		} `xml:"reference"`
		Advisory struct {
			Severity string `xml:"severity"`
			Issued   struct {
				Date string `xml:"date,attr"`
			} `xml:"issued"`
			Public string `xml:"public_date"`
			CVEs   []struct {
				ID     string `xml:",chardata"`
				CVSS   string `xml:"cvss3,attr"`       // SUSE: 7/CVSS:3.1/AV:L
				Vector string `xml:"cvss_vector,attr"` // Canonical
			} `xml:"cve"`
		} `xml:"advisory"`
	} `xml:"metadata"`
	Criteria *ovalCriteria `xml:"criteria"`
}

type ovalCriteria struct {
	Operator string          `xml:"operator,attr"`
	Criteria []ovalCriteria  `xml:"criteria"`
	Tests    []ovalCriterion `xml:"criterion"`
}

type ovalCriterion struct {
	Ref     string `xml:"test_ref,attr"`
	Comment string `xml:"comment,attr"`
	Negate  bool   `xml:"negate,attr"`
}

// oval holds a file: tests come after the definitions that use them.
type oval struct {
	definitions []ovalDefinition
	tests       map[string][2]string // object, state
	objects     map[string]string    // name of the package
	states      map[string]ovalState
}

type ovalState struct {
	earlier string   // than this version
	arches  []string // none: every one
}

const ovalMaxDepth = 32

// readOVAL reads an OVAL file.
func readOVAL(name string, r io.Reader, o *Out) error {
	v := oval{tests: map[string][2]string{}, objects: map[string]string{}, states: map[string]ovalState{}}
	if err := v.decode(r, name, o); err != nil {
		return err
	}
	if len(v.definitions) == 0 {
		return errors.New("it has no definitions")
	}
	for i := range v.definitions {
		d := &v.definitions[i]
		if d.Class != "patch" && d.Class != "vulnerability" {
			continue // the inventory
		}
		id := d.id()
		o.record(name+" "+id, dashed(d.Metadata.Advisory.Issued.Date, d.Metadata.Advisory.Public), v.rows(o, d, id))
	}
	return nil
}

func (v *oval) decode(r io.Reader, name string, o *Out) error {
	d := xml.NewDecoder(r)
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		s, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		switch s.Name.Local {
		case "definition":
			var def ovalDefinition
			if err := d.DecodeElement(&def, &s); err != nil {
				return err
			}
			v.definitions = append(v.definitions, def)
		case "rpminfo_test", "dpkginfo_test":
			var x struct {
				ID     string `xml:"id,attr"`
				Object struct {
					Ref string `xml:"object_ref,attr"`
				} `xml:"object"`
				State struct {
					Ref string `xml:"state_ref,attr"`
				} `xml:"state"`
			}
			if err := d.DecodeElement(&x, &s); err != nil {
				return err
			}
			v.tests[x.ID] = [2]string{x.Object.Ref, x.State.Ref}
		case "rpminfo_object", "dpkginfo_object":
			var x struct {
				ID   string `xml:"id,attr"`
				Name string `xml:"name"`
			}
			if err := d.DecodeElement(&x, &s); err != nil {
				return err
			}
			v.objects[x.ID] = strings.TrimSpace(x.Name)
		case "rpminfo_state", "dpkginfo_state":
			var x struct {
				ID  string `xml:"id,attr"`
				EVR struct {
					Operation string `xml:"operation,attr"`
					Value     string `xml:",chardata"`
				} `xml:"evr"`
				Arch string `xml:"arch"`
			}
			if err := d.DecodeElement(&x, &s); err != nil {
				return err
			}
			if x.EVR.Operation == "less than" {
				st := ovalState{earlier: strings.TrimPrefix(strings.TrimSpace(x.EVR.Value), "0:")}
				if a := strings.Trim(strings.TrimSpace(x.Arch), "()"); a != "" { // (aarch64|x86_64)
					st.arches = strings.Split(a, "|")
				}
				v.states[x.ID] = st
			}
		}
	}
}

// id gives the advisory's: ELSA-2024-1, or the CVE. A definition of a
// vulnerability is about that, whatever advisories it refers to.
func (d *ovalDefinition) id() string {
	if c := anyCVE.FindString(d.Metadata.Title); c != "" && d.Class == "vulnerability" {
		return c
	}
	for _, r := range d.Metadata.References {
		if r.Source == "elsa" || r.Source == "SUSE-SU" || strings.HasPrefix(r.ID, "ELSA-") {
			return r.ID
		}
	}
	if c := anyCVE.FindString(d.Metadata.Title); c != "" {
		return c
	}
	id, _, _ := strings.Cut(strings.TrimSpace(d.Metadata.Title), ":")
	return clip(id, 80)
}

// scores gives those of the one vulnerability that a definition is about.
func (d *ovalDefinition) scores(source, id string) (l []finding.CVSS) {
	for _, c := range d.Metadata.Advisory.CVEs {
		vector := c.Vector
		if at := strings.Index(c.CVSS, "CVSS:"); at >= 0 {
			vector = c.CVSS[at:]
		}
		if s, ok := cvss(source, vector); ok && strings.TrimSpace(c.ID) == id {
			l = append(l, s)
		}
	}
	return l
}

// where is what stands above a test: the releases and architectures that must
// be, and the module.
type where struct {
	releases []vulndb.Ecosystem
	arches   []string
	module   string
}

func (v *oval) rows(o *Out, d *ovalDefinition, id string) error {
	if id == "" {
		return errors.New("a definition has no name")
	}
	ids := []string{id}
	var urls []string
	for _, r := range d.Metadata.References {
		ids, urls = append(ids, r.ID), append(urls, r.URL)
	}
	for _, c := range d.Metadata.Advisory.CVEs {
		ids = append(ids, strings.TrimSpace(c.ID))
	}
	row := vulndb.Advisory{ID: id, CVEs: cves(ids), Severity: severity(d.Metadata.Advisory.Severity), URLs: urls}
	if !isCVE.MatchString(id) {
		row.FixedAt = day(d.Metadata.Advisory.Issued.Date)
	}
	var at where
	for _, p := range d.Metadata.Platforms {
		if eco, ok := ovalPlatform(p); ok && strings.HasPrefix(p, "Ubuntu") {
			at.releases = append(at.releases, eco)
		}
	}
	if d.Criteria != nil {
		if err := v.walk(o, d.Criteria, at, row, 0); err != nil {
			return err
		}
	}
	return o.detail(vulndb.Detail{ID: id, Title: d.Metadata.Title, Description: d.Metadata.Description, Severity: row.Severity, CVSS: d.scores(o.Source, id),
		Published: dashed(d.Metadata.Advisory.Issued.Date, d.Metadata.Advisory.Public), URLs: urls})
}

// walk goes down the criteria. What an AND demands beside a package's test is
// where the test holds.
func (v *oval) walk(o *Out, c *ovalCriteria, at where, row vulndb.Advisory, depth int) error {
	if depth > ovalMaxDepth {
		return fmt.Errorf("criteria are nested deeper than %d", ovalMaxDepth)
	}
	if c.Operator != "OR" {
		at = at.and(c)
	}
	for _, t := range c.Tests {
		if err := v.test(o, t, at, row); err != nil {
			return err
		}
	}
	for i := range c.Criteria {
		if err := v.walk(o, &c.Criteria[i], at, row, depth+1); err != nil {
			return err
		}
	}
	return nil
}

var (
	ovalInstalled = regexp.MustCompile(`^(Oracle Linux \d+|SUSE Linux [\w ]+? \d[\d.]*(?: SP\d+)?(?:[- ]LTSS)?|openSUSE Leap [\d.]+|Ubuntu [\d.]+(?: LTS)?)(?: is installed)?$`)
	ovalArch      = regexp.MustCompile(`arch is (\w+)$`)
	ovalModule    = regexp.MustCompile(`^Module ([\w.-]+:[\w.]+) is enabled`)
	ubuntuNote    = regexp.MustCompile(`(\S+) package in (\w+)`)
	ubuntuFixed   = regexp.MustCompile(`\(note: '([^']+)'\)`)
	ovalOracle    = regexp.MustCompile(`^Oracle Linux (\d+)$`)
)

func ovalPlatform(s string) (vulndb.Ecosystem, bool) {
	m := ovalInstalled.FindStringSubmatch(s)
	if m == nil {
		return "", false
	}
	if x := ovalOracle.FindStringSubmatch(m[1]); x != nil {
		return vulndb.Ecosystem("Oracle Linux:" + x[1]), true
	}
	if rest, ok := strings.CutPrefix(m[1], "Ubuntu "); ok {
		return vulndb.Ecosystem("Ubuntu:" + strings.TrimSuffix(rest, " LTS")), true
	}
	return csafPlatform(csafProduct{Name: m[1]})
}

// and takes in what the tests of an AND say, and ORs below it that only list
// releases or architectures.
func (w where) and(c *ovalCriteria) where {
	lists := [][]ovalCriterion{c.Tests}
	for _, sub := range c.Criteria {
		if sub.Operator == "OR" && len(sub.Criteria) == 0 {
			lists = append(lists, sub.Tests)
		}
	}
	for _, l := range lists {
		var releases []vulndb.Ecosystem
		for _, t := range l {
			if eco, ok := ovalPlatform(t.Comment); ok {
				releases = append(releases, eco)
			} else if m := ovalArch.FindStringSubmatch(t.Comment); m != nil {
				w.arches = append(w.arches[:len(w.arches):len(w.arches)], m[1])
			} else if m := ovalModule.FindStringSubmatch(t.Comment); m != nil {
				w.module = m[1]
			}
		}
		if len(releases) > 0 {
			w.releases = releases
		}
	}
	return w
}

func (v *oval) test(o *Out, t ovalCriterion, at where, row vulndb.Advisory) error {
	if len(at.releases) == 0 || t.Negate {
		return nil
	}
	row.Arches, row.Module = at.arches, at.module
	row.Ranges = []vulndb.Range{{Introduced: "0"}}
	var name string
	if m := ubuntuNote.FindStringSubmatch(t.Comment); m != nil { // Canonical's words name the source package
		name = m[1]
		note := ubuntuFixed.FindStringSubmatch(t.Comment)
		switch {
		case strings.Contains(t.Comment, "has been fixed"):
			if note == nil {
				return nil
			}
			row.Ranges[0].Fixed = note[1]
		case strings.Contains(t.Comment, "decision has been made to defer"):
			row.Status = vulndb.Deferred
		case strings.Contains(t.Comment, "decision has been made to ignore"):
			row.Status = vulndb.WontFix
		case strings.Contains(t.Comment, "not affected"):
			row.Status, row.Ranges = vulndb.NotAffected, nil
		case strings.Contains(t.Comment, "is affected"):
		default: // related in some way, not looked at yet
			row.Status = vulndb.Unknown
		}
	} else {
		refs := v.tests[t.Ref]
		name = v.objects[refs[0]]
		state := v.states[refs[1]]
		row.Ranges[0].Fixed = state.earlier
		if len(row.Arches) == 0 {
			row.Arches = unlessAll(state.arches)
		}
		switch words := strings.ToLower(t.Comment); {
		case name == "":
			return nil
		case strings.HasSuffix(words, " is not affected"): // SUSE, of a package that it ships
			row.Status, row.Ranges, row.Arches = vulndb.NotAffected, nil, nil
		case state.earlier == "" && !strings.HasSuffix(words, " is affected"):
			return nil // a signature, a release, or "is installed"
		}
	}
	for _, eco := range at.releases {
		if err := o.advisory(eco, name, row); err != nil {
			return err
		}
	}
	return nil
}
