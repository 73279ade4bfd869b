package feeds

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/limpet-security/limpet/scanner/vulndb"
)

// updateInfo is one advisory of a dnf repository's updateinfo.xml.
type updateInfo struct {
	Type        string `xml:"type,attr"`
	ID          string `xml:"id"`
	Title       string `xml:"title"`
	Severity    string `xml:"severity"`
	Description string `xml:"description"`
	Issued      struct {
		Date string `xml:"date,attr"`
	} `xml:"issued"`
	Updated struct {
		Date string `xml:"date,attr"`
	} `xml:"updated"`
	References []struct {
		ID   string `xml:"id,attr"`
		Type string `xml:"type,attr"`
		Href string `xml:"href,attr"`
	} `xml:"references>reference"`
	Collections []struct {
		Module *struct {
			Name   string `xml:"name,attr"`
			Stream string `xml:"stream,attr"`
		} `xml:"module"`
		Packages []struct {
			Name    string `xml:"name,attr"`
			Version string `xml:"version,attr"`
			Release string `xml:"release,attr"`
			Epoch   string `xml:"epoch,attr"`
			Arch    string `xml:"arch,attr"`
		} `xml:"package"`
	} `xml:"pkglist>collection"`
}

// readUpdateInfo reads updateinfo.xml of Amazon and Rocky Linux. The release is
// told by the ids, or by the folder the file lies in.
func readUpdateInfo(name string, r io.Reader, o *Out) error {
	return eachElement(r, "update", func(d *xml.Decoder, start xml.StartElement) error {
		var u updateInfo
		if err := d.DecodeElement(&u, &start); err != nil {
			return err
		}
		if u.Type != "security" && len(cves(u.ids())) == 0 {
			o.skip("not about security")
			return nil
		}
		eco, ok := updateEcosystem(u.ID, name)
		if !ok {
			o.Fault(name+" "+clip(u.ID, 60), errors.New("cannot tell for which release it is"))
			return nil
		}
		o.record(u.ID, dashed(u.Updated.Date, u.Issued.Date), u.rows(o, eco))
		return nil
	})
}

func dashed(dates ...string) string {
	for _, d := range dates {
		if d = day(d); d != "" {
			return d
		}
	}
	return ""
}

func (u *updateInfo) ids() (l []string) {
	for _, r := range u.References {
		l = append(l, r.ID)
	}
	return l
}

func (u *updateInfo) rows(o *Out, eco vulndb.Ecosystem) error {
	list := cves(u.ids())
	var urls []string
	for _, r := range u.References {
		if r.Type == "self" {
			urls = append(urls, r.Href)
		}
	}
	type key struct{ name, version, module string }
	arches, order := map[key][]string{}, []key(nil)
	for _, c := range u.Collections {
		module := ""
		if c.Module != nil && c.Module.Name != "" {
			module = c.Module.Name + ":" + c.Module.Stream
		}
		if len(c.Packages) > maxPackages {
			return fmt.Errorf("%d packages: %w", len(c.Packages), ErrTooLarge)
		}
		for _, p := range c.Packages {
			if p.Name == "" || p.Version == "" || p.Release == "" {
				return fmt.Errorf("package %q has no version", clip(p.Name, 60))
			}
			v := p.Version + "-" + p.Release
			if p.Epoch != "" && p.Epoch != "0" {
				v = p.Epoch + ":" + v
			}
			k := key{p.Name, v, module}
			if arches[k] == nil {
				order = append(order, k)
			}
			arches[k] = append(arches[k], p.Arch)
		}
	}
	for _, k := range order {
		a := vulndb.Advisory{ID: u.ID, CVEs: list, Severity: severity(u.Severity), FixedAt: day(u.Issued.Date), Module: k.module, URLs: urls,
			Ranges: []vulndb.Range{{Introduced: since(u.ID, k.version), Fixed: k.version}}}
		a.Arches = unlessAll(arches[k])
		if err := o.advisory(eco, k.name, a); err != nil {
			return err
		}
	}
	return o.detail(vulndb.Detail{ID: u.ID, Title: u.Title, Description: u.Description, Severity: severity(u.Severity), Published: day(u.Issued.Date), URLs: urls})
}

// unlessAll gives the architectures, none where one of them is every one. The
// source package is none: what holds for it holds for what is built of it.
func unlessAll(l []string) (out []string) {
	for _, a := range l {
		switch a {
		case "", "noarch":
			return nil
		case "src", "nosrc":
		default:
			out = append(out, a)
		}
	}
	return out
}

// amazonTopic is a version of a program that Amazon Linux 2 has beside others:
// ALAS2KERNEL-5.15-2022-001, ALAS2PHP8.0-2023-001.
var amazonTopic = regexp.MustCompile(`^ALAS2[A-Z]+-?(\d+(?:\.\d+)*)-\d{4}-\d+$`)

// since gives the version from which an advisory holds: what fixes kernel 5.15 says
// nothing of kernel 4.14, which lives in the same release under the same name.
func since(id, fixed string) string {
	m := amazonTopic.FindStringSubmatch(id)
	if m == nil {
		return "0"
	}
	epoch, version := "", fixed
	if i := strings.IndexByte(fixed, ':'); i >= 0 {
		epoch, version = fixed[:i+1], fixed[i+1:]
	}
	if !strings.HasPrefix(version, m[1]+".") {
		return "0" // another package of the same topic
	}
	return epoch + m[1]
}

var (
	amazonID = regexp.MustCompile(`^ALAS(\d*)(?:[A-Z.\d-]*?)-\d{4}-\d+`)
	folderNo = regexp.MustCompile(`(?:^|/)(\d+)(?:\.\d+)?/`)
)

func updateEcosystem(id, name string) (vulndb.Ecosystem, bool) {
	switch {
	case strings.HasPrefix(id, "ALAS"):
		m := amazonID.FindStringSubmatch(id)
		if m == nil {
			return "", false
		}
		if m[1] == "" {
			m[1] = "1"
		}
		return vulndb.Ecosystem("Amazon Linux:" + m[1]), true
	case strings.HasPrefix(id, "RLSA-"), strings.HasPrefix(id, "RLBA-"), strings.HasPrefix(id, "RLEA-"), strings.HasPrefix(id, "RXSA-"):
		if m := folderNo.FindStringSubmatch(name); m != nil {
			return vulndb.Ecosystem("Rocky Linux:" + m[1]), true
		}
	}
	return "", false
}

// eachElement calls f at every element of a name, wherever it stands.
func eachElement(r io.Reader, name string, f func(*xml.Decoder, xml.StartElement) error) error {
	d := xml.NewDecoder(r)
	found := false
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			if !found {
				return fmt.Errorf("it has no element %s", name)
			}
			return nil
		}
		if err != nil {
			return err
		}
		if s, ok := t.(xml.StartElement); ok && s.Name.Local == name {
			found = true
			if err := f(d, s); err != nil {
				return err
			}
		}
	}
}
