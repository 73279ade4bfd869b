package feeds

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/scanner/vulndb"
)

// CPE is the ecosystem of rows that go by a product's name, "vendor:product".
// Only programs that were recognised by what they are may be looked up in it:
// a package's name is no product's.
const CPE vulndb.Ecosystem = "CPE"

// nvdCVE is a CVE of the NVD's API 2.0.
type nvdCVE struct {
	ID           string `json:"id"`
	Published    string `json:"published"`
	Modified     string `json:"lastModified"`
	Status       string `json:"vulnStatus"`
	Descriptions []struct {
		Lang  string `json:"lang"`
		Value string `json:"value"`
	} `json:"descriptions"`
	Metrics    map[string][]nvdMetric `json:"metrics"`
	Weaknesses []struct {
		Description []struct {
			Value string `json:"value"`
		} `json:"description"`
	} `json:"weaknesses"`
	References []struct {
		URL string `json:"url"`
	} `json:"references"`
	Configurations []struct {
		Nodes []struct {
			Negate  bool       `json:"negate"`
			Matches []nvdMatch `json:"cpeMatch"`
		} `json:"nodes"`
	} `json:"configurations"`
}

type nvdMetric struct {
	Source string `json:"source"`
	Data   struct {
		Vector string `json:"vectorString"`
	} `json:"cvssData"`
}

type nvdMatch struct {
	Vulnerable     bool   `json:"vulnerable"`
	Criteria       string `json:"criteria"`
	StartIncluding string `json:"versionStartIncluding"`
	StartExcluding string `json:"versionStartExcluding"`
	EndIncluding   string `json:"versionEndIncluding"`
	EndExcluding   string `json:"versionEndExcluding"`
}

// readNVD reads a page of the API ({"vulnerabilities":[{"cve":...}]}), or one
// CVE as the overrides have it ({"_annotation":...,"cve":...}).
func readNVD(name string, r io.Reader, o *Out) error {
	b, err := readAll(r)
	if err != nil {
		return err
	}
	var v struct {
		Annotation struct {
			ID       string `json:"cve_id"`
			Modified string `json:"modified"`
		} `json:"_annotation"`
		CVE  *nvdCVE `json:"cve"`
		List []struct {
			CVE json.RawMessage `json:"cve"`
		} `json:"vulnerabilities"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if v.CVE != nil && v.CVE.Status == "Rejected" {
		o.skip("rejected")
		return nil
	}
	if v.CVE != nil {
		if v.CVE.ID == "" {
			v.CVE.ID = v.Annotation.ID
		}
		o.record(name, v.CVE.Modified, v.CVE.rows(o))
		return nil
	}
	if v.List == nil {
		return errors.New("it holds no CVE")
	}
	for _, e := range v.List {
		var c nvdCVE
		err := json.Unmarshal(e.CVE, &c)
		if err == nil && c.Status == "Rejected" {
			o.skip("rejected")
			continue
		}
		if err == nil {
			err = c.rows(o)
		}
		o.record(name+" "+c.ID, c.Modified, err)
	}
	return nil
}

func (c *nvdCVE) rows(o *Out) error {
	if !isCVE.MatchString(c.ID) {
		return errors.New("it has no CVE id")
	}
	d := vulndb.Detail{ID: c.ID, Published: day(c.Published), Modified: day(c.Modified)}
	for _, x := range c.Descriptions {
		if x.Lang == "en" && d.Description == "" {
			d.Description = x.Value
		}
	}
	for _, l := range c.Metrics {
		for _, m := range l {
			source := m.Source
			if source == "nvd@nist.gov" {
				source = "nvd"
			}
			if s, ok := cvss(source, m.Data.Vector); ok {
				d.CVSS = append(d.CVSS, s)
			}
		}
	}
	sortScores(d.CVSS)
	d.Severity = highest(d.CVSS)
	for _, w := range c.Weaknesses {
		for _, x := range w.Description {
			if strings.HasPrefix(x.Value, "CWE-") {
				d.CWEs = append(d.CWEs, x.Value)
			}
		}
	}
	for _, r := range c.References {
		d.URLs = append(d.URLs, r.URL)
	}
	products := map[string]*vulndb.Advisory{}
	for _, conf := range c.Configurations {
		for _, n := range conf.Nodes {
			for _, m := range n.Matches {
				m.add(products, c.ID, n.Negate)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(products)) {
		if err := o.advisory(CPE, name, *products[name]); err != nil {
			return err
		}
	}
	return o.detail(d)
}

// add puts a match to its product's row. Products for another program (a
// WordPress plugin) are left out: nothing that is recognised goes by them.
func (m nvdMatch) add(products map[string]*vulndb.Advisory, id string, negate bool) {
	f := splitCPE(m.Criteria)
	if !m.Vulnerable || negate || len(f) < 11 || f[2] != "a" || f[10] != "*" && f[10] != "-" {
		return
	}
	name := f[3] + ":" + f[4]
	a := products[name]
	if a == nil {
		a = &vulndb.Advisory{ID: id, CVEs: []string{id}}
		products[name] = a
	}
	r := vulndb.Range{Introduced: "0", Fixed: m.EndExcluding, LastAffected: m.EndIncluding}
	switch {
	case m.StartIncluding != "":
		r.Introduced = m.StartIncluding
	case m.StartExcluding != "":
		r.Introduced = m.StartExcluding // one version too many: there is no word for "after"
	}
	if v := f[5]; v != "*" && v != "-" {
		if f[6] != "*" && f[6] != "-" {
			v += f[6] // 1.0 and its update p1
		}
		a.Versions = append(a.Versions, v)
		return
	}
	if len(a.Ranges) < maxVersions {
		a.Ranges = append(a.Ranges, r)
	}
}

// splitCPE gives the parts of a formatted name, with \: and the like resolved.
func splitCPE(s string) []string {
	var out []string
	var part strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			part.WriteByte(s[i])
		case s[i] == ':':
			out = append(out, part.String())
			part.Reset()
		default:
			part.WriteByte(s[i])
		}
	}
	return append(out, part.String())
}
