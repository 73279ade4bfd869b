package feeds

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/scanner/vulndb"
)

// debianReleases gives the version for a codename. sid has none.
var debianReleases = map[string]string{"lenny": "5", "squeeze": "6", "wheezy": "7", "jessie": "8", "stretch": "9", "buster": "10",
	"bullseye": "11", "bookworm": "12", "trixie": "13", "forky": "14", "duke": "15", "sid": "sid"}

func debianEcosystem(codename string) (vulndb.Ecosystem, bool) {
	v, ok := debianReleases[codename]
	return vulndb.Ecosystem("Debian:" + v), ok
}

// debianCVE is what the security tracker says of a source package and a CVE.
type debianCVE struct {
	Description string      `json:"description"`
	Scope       string      `json:"scope"`
	Releases    debianWords `json:"releases"`
}

// debianWords are by codename.
type debianWords map[string]struct {
	Status  string `json:"status"` // open, resolved, undetermined
	Fixed   string `json:"fixed_version"`
	Urgency string `json:"urgency"`      // "high**" where it is NVD's
	NoDSA   string `json:"nodsa"`        // a sentence: why there is no advisory
	Reason  string `json:"nodsa_reason"` // "", ignored, postponed
}

// UnmarshalJSON reads the empty list, too, that the tracker writes for none.
func (w *debianWords) UnmarshalJSON(b []byte) error {
	if string(b) == "[]" {
		return nil
	}
	type plain debianWords
	return json.Unmarshal(b, (*plain)(w))
}

// readDebianTracker reads security-tracker.debian.org/tracker/data/json.
func readDebianTracker(name string, r io.Reader, o *Out) error {
	return eachMember(r, func(pkg string, raw json.RawMessage) {
		var all map[string]json.RawMessage
		if err := json.Unmarshal(raw, &all); err != nil {
			o.Fault(pkg, err)
			return
		}
		for _, id := range slices.Sorted(maps.Keys(all)) {
			var c debianCVE
			err := json.Unmarshal(all[id], &c)
			if err == nil {
				err = c.rows(o, pkg, id)
			}
			o.record(pkg+" "+id, "", err)
		}
	})
}

func (c *debianCVE) rows(o *Out, pkg, id string) error {
	for codename, r := range c.Releases {
		eco, ok := debianEcosystem(codename)
		if !ok {
			continue // a release that is not known yet has no data: HasEcosystem says so
		}
		a := vulndb.Advisory{ID: id, CVEs: cves([]string{id}), Severity: severity(strings.TrimRight(r.Urgency, "*")), URLs: []string{"https://security-tracker.debian.org/tracker/" + id}}
		open := []vulndb.Range{{Introduced: "0"}}
		switch {
		case r.Status == "resolved" && r.Fixed == "0":
			a.Status = vulndb.NotAffected
		case r.Status == "resolved" && r.Fixed != "":
			a.Ranges = []vulndb.Range{{Introduced: "0", Fixed: r.Fixed}}
		case r.Status == "undetermined":
			a.Status, a.Ranges = vulndb.Unknown, open
		case r.Urgency == "end-of-life":
			a.Status, a.Ranges = vulndb.EndOfLife, open
		case r.Status == "open" && r.Reason == "ignored":
			a.Status, a.Ranges = vulndb.WontFix, open
		case r.Status == "open" && (r.Reason == "postponed" || r.NoDSA != ""):
			a.Status, a.Ranges = vulndb.Deferred, open
		case r.Status == "open":
			a.Ranges = open
		default:
			return fmt.Errorf("status %q in %s is not known", clip(r.Status, 40), codename)
		}
		if err := o.advisory(eco, pkg, a); err != nil {
			return err
		}
	}
	if c.Description == "" {
		return nil
	}
	return o.detail(vulndb.Detail{ID: id, Description: c.Description})
}

var (
	dsaHead  = regexp.MustCompile(`^\[(\d{1,2} \w{3} \d{4})\] (D[SL]A-\d+(?:-\d+)?) (\S+)(.*)$`)
	dsaCVEs  = regexp.MustCompile(`^\s+\{(.*)\}`)
	dsaFixed = regexp.MustCompile(`^\s+\[(\w+)\] - (\S+) (\S+)`)
)

// readDebianList reads data/DSA/list and data/DLA/list of the security tracker.
func readDebianList(name string, r io.Reader, o *Out) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	var id, when, title string
	var list []string
	flaw := error(nil)
	rows := 0
	done := func() {
		if id != "" {
			if rows == 0 && len(list) > 0 && flaw == nil {
				o.skip("names no package")
			} else {
				o.record(id, when, flaw)
			}
		}
		id, list, flaw, rows = "", nil, nil, 0
	}
	for sc.Scan() {
		line := sc.Text()
		if m := dsaHead.FindStringSubmatch(line); m != nil {
			done()
			id, title, when = m[2], m[4], englishDay(m[1])
			continue
		}
		if m := dsaCVEs.FindStringSubmatch(line); m != nil {
			list = cves(strings.Fields(m[1]))
			continue
		}
		m := dsaFixed.FindStringSubmatch(line)
		if m == nil || id == "" {
			continue // NOTE: and the like
		}
		eco, ok := debianEcosystem(m[1])
		// A later part that mends the first one's package names no vulnerability.
		if !ok || len(list) == 0 && strings.Contains(title, "regression") {
			continue
		}
		a := vulndb.Advisory{ID: id, CVEs: list, FixedAt: when, Ranges: []vulndb.Range{{Introduced: "0", Fixed: m[3]}}}
		switch m[3] {
		case "<not-affected>":
			a.Status, a.Ranges = vulndb.NotAffected, nil
		case "<unfixed>":
			a.Ranges[0].Fixed = ""
		case "<end-of-life>":
			a.Status, a.Ranges[0].Fixed = vulndb.EndOfLife, ""
		default:
			if strings.HasPrefix(m[3], "<") {
				flaw = fmt.Errorf("%s is not known", m[3])
				continue
			}
		}
		if strings.HasPrefix(m[3], "<") {
			a.FixedAt = ""
		}
		rows++
		if err := o.advisory(eco, m[2], a); err != nil {
			flaw = err
		}
	}
	done()
	return sc.Err()
}

var months = map[string]string{"Jan": "01", "Feb": "02", "Mar": "03", "Apr": "04", "May": "05", "Jun": "06", "Jul": "07", "Aug": "08", "Sep": "09", "Oct": "10", "Nov": "11", "Dec": "12"}

// englishDay gives 2023-03-29 for "29 Mar 2023", "" for what is none.
func englishDay(s string) string {
	f := strings.Fields(s)
	if len(f) != 3 || months[f[1]] == "" {
		return ""
	}
	return fmt.Sprintf("%s-%s-%02s", f[2], months[f[1]], f[0])
}
