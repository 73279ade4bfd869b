package feeds

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// osvRecord is an advisory of the OSV schema 1.7, as far as it is used.
type osvRecord struct {
	ID         string         `json:"id" yaml:"id"`
	Modified   string         `json:"modified" yaml:"modified"`
	Published  string         `json:"published" yaml:"published"`
	Withdrawn  string         `json:"withdrawn" yaml:"withdrawn"`
	Aliases    []string       `json:"aliases" yaml:"aliases"`
	Upstream   []string       `json:"upstream" yaml:"upstream"`
	Related    []string       `json:"related" yaml:"related"`
	Summary    string         `json:"summary" yaml:"summary"`
	Details    string         `json:"details" yaml:"details"`
	Severity   []osvSeverity  `json:"severity" yaml:"severity"`
	Affected   []osvAffected  `json:"affected" yaml:"affected"`
	References []osvReference `json:"references" yaml:"references"`
	Database   struct {
		Severity any   `json:"severity" yaml:"severity"` // a word; some write a list
		CWEs     []any `json:"cwe_ids" yaml:"cwe_ids"`
	} `json:"database_specific" yaml:"database_specific"`
}

type osvSeverity struct {
	Type  string `json:"type" yaml:"type"`
	Score string `json:"score" yaml:"score"`
}

type osvReference struct {
	URL string `json:"url" yaml:"url"`
}

type osvAffected struct {
	Package struct {
		Ecosystem string `json:"ecosystem" yaml:"ecosystem"`
		Name      string `json:"name" yaml:"name"`
	} `json:"package" yaml:"package"`
	Severity []osvSeverity `json:"severity" yaml:"severity"`
	Ranges   []struct {
		Type   string     `json:"type" yaml:"type"`
		Events []osvEvent `json:"events" yaml:"events"`
	} `json:"ranges" yaml:"ranges"`
	Versions  []string `json:"versions" yaml:"versions"`
	Ecosystem struct {
		Severity string `json:"severity" yaml:"severity"`
		Urgency  string `json:"urgency" yaml:"urgency"`                 // Debian
		Priority string `json:"ubuntu_priority" yaml:"ubuntu_priority"` // Ubuntu
		Imports  []struct {
			Path    string   `json:"path" yaml:"path"`
			Symbols []string `json:"symbols" yaml:"symbols"`
		} `json:"imports" yaml:"imports"` // Go
	} `json:"ecosystem_specific" yaml:"ecosystem_specific"`
}

type osvEvent struct {
	Introduced   string `json:"introduced" yaml:"introduced"`
	Fixed        string `json:"fixed" yaml:"fixed"`
	LastAffected string `json:"last_affected" yaml:"last_affected"`
}

// readOSV reads one OSV record, JSON or YAML.
func readOSV(name string, r io.Reader, o *Out) error {
	b, err := readAll(r)
	if err != nil {
		return err
	}
	var v osvRecord
	if strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") {
		err = yaml.Unmarshal(b, &v)
	} else {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		return err
	}
	if v.ID == "" {
		return fmt.Errorf("it has no id")
	}
	if v.Withdrawn != "" {
		o.skip("withdrawn")
		return nil
	}
	o.record(name, v.Modified, v.rows(o))
	return nil
}

func (v *osvRecord) rows(o *Out) error {
	if len(v.Affected) > maxPackages {
		return fmt.Errorf("%d packages: %w", len(v.Affected), ErrTooLarge)
	}
	var urls []string
	for _, r := range v.References {
		urls = append(urls, r.URL)
	}
	word, _ := v.Database.Severity.(string)
	own := severity(word)
	if own == "" {
		own = severity(firstWord(v.Summary)) // "Moderate: .NET 6.0 security update"
	}
	scores := vectors(v.Severity, o.Source)
	distribution := false
	listed, of := map[string]vulndb.Advisory{}, vulndb.Ecosystem("")
	for _, a := range v.Affected {
		eco := vulndb.NormalEcosystem(a.Package.Ecosystem)
		ranges := a.ranges()
		if eco == "" || refused[string(eco)] || len(ranges) == 0 && len(a.Versions) == 0 {
			continue // spans of commits say nothing about an installed version
		}
		row := vulndb.Advisory{ID: v.ID, Aliases: v.Aliases, CVEs: cves([]string{v.ID}, v.Aliases, v.Upstream), Ranges: ranges, Severity: own, URLs: urls}
		if isDistribution(eco) {
			distribution = true
			row.CVEs = cves(row.CVEs, v.Related)
			row.FixedAt = day(v.Published)
			if row.Module = streamOf(v.Summary, ranges); len(ranges) > 0 && allFixed(ranges, "") {
				row.FixedAt = ""
			}
		}
		// Where there are spans the list only counts up what is in them.
		if len(ranges) == 0 {
			if len(a.Versions) > maxVersions {
				return fmt.Errorf("%d versions: %w", len(a.Versions), ErrTooLarge)
			}
			row.Versions = a.Versions
		}
		for _, w := range []string{a.Ecosystem.Severity, a.Ecosystem.Priority, a.Ecosystem.Urgency} {
			if s := severity(w); s != "" {
				row.Severity = s
			}
		}
		if a.Ecosystem.Urgency == "end-of-life" {
			row.Status = vulndb.EndOfLife
		}
		for _, i := range a.Ecosystem.Imports {
			if len(i.Symbols) == 0 {
				row.Symbols = append(row.Symbols, i.Path)
			}
			for _, s := range i.Symbols {
				row.Symbols = append(row.Symbols, i.Path+"."+s)
			}
		}
		scores = append(scores, vectors(a.Severity, o.Source)...)
		if err := o.advisory(eco, a.Package.Name, row); err != nil {
			return err
		}
		listed[a.Package.Name], of = row, eco
	}
	for name, row := range unlisted(v.Summary, of, listed) {
		if err := o.advisory(of, name, row); err != nil {
			return err
		}
	}
	return o.detail(v.detail(scores, own, urls, distribution))
}

// detail gives what the record says whatever it is found in. It goes by the
// CVE's name where the record is about one.
func (v *osvRecord) detail(scores []finding.CVSS, own finding.Severity, urls []string, distribution bool) vulndb.Detail {
	d := vulndb.Detail{ID: v.ID, Title: v.Summary, Description: v.Details, CVSS: scores, Severity: own, Published: day(v.Published), Modified: day(v.Modified), URLs: urls}
	if d.Severity == "" {
		d.Severity = highest(scores)
	}
	for _, c := range v.Database.CWEs {
		if s, ok := c.(string); ok {
			d.CWEs = append(d.CWEs, s)
		}
	}
	d.Aliases = v.Aliases
	if one := cves([]string{v.ID}, v.Aliases); len(one) == 1 && !distribution {
		d.ID, d.Aliases = one[0], append([]string{v.ID}, v.Aliases...)
		d.Aliases = without(d.Aliases, d.ID)
	}
	return d
}

func without(l []string, s string) []string {
	var out []string
	for _, x := range l {
		if x != s {
			out = append(out, x)
		}
	}
	return out
}

// ranges gives the spans of versions, in the order of their events.
func (a *osvAffected) ranges() []vulndb.Range {
	var out []vulndb.Range
	for _, r := range a.Ranges {
		if r.Type == "GIT" {
			continue
		}
		var open *vulndb.Range
		for _, e := range r.Events {
			switch {
			case e.Introduced != "":
				if open != nil {
					out = append(out, *open)
				}
				open = &vulndb.Range{Introduced: e.Introduced}
			case open == nil: // an end without a beginning
			case e.Fixed != "":
				open.Fixed = e.Fixed
				out, open = append(out, *open), nil
			case e.LastAffected != "":
				open.LastAffected = e.LastAffected
				out, open = append(out, *open), nil
			}
		}
		if open != nil {
			out = append(out, *open)
		}
	}
	return out
}

func vectors(l []osvSeverity, source string) []finding.CVSS {
	var out []finding.CVSS
	for _, s := range l {
		if c, ok := cvss(source, s.Score); ok {
			out = append(out, c)
		}
	}
	return out
}

func firstWord(s string) string {
	word, _, ok := strings.Cut(s, ":")
	if !ok {
		return ""
	}
	return word
}

func allFixed(l []vulndb.Range, want string) bool {
	for _, r := range l {
		if r.Fixed != want {
			return false
		}
	}
	return true
}

// streamOf gives the module stream of an rpm advisory: named in its title, and
// its packages say that they are of a module.
func streamOf(summary string, ranges []vulndb.Range) string {
	for _, r := range ranges {
		if strings.Contains(r.Fixed, ".module") {
			if m := stream.FindStringSubmatch(summary); m != nil {
				return m[1]
			}
		}
	}
	return ""
}

var stream = regexp.MustCompile(`^\w+: ([a-z][\w-]*:[\w.]+)\s`)

// isDistribution says that the publisher speaks for packages it built itself.
func isDistribution(eco vulndb.Ecosystem) bool {
	head, _, _ := strings.Cut(string(eco), ":")
	switch head {
	case "Debian", "Ubuntu", "Alpine", "AlmaLinux", "Rocky Linux", "Red Hat", "Oracle Linux", "Amazon Linux", "Mageia", "openEuler", "Azure Linux", "MinimOS", "Echo", "BellSoft Hardened Containers", "Alpaquita":
		return true
	}
	return strings.HasPrefix(head, "SUSE") || strings.HasPrefix(head, "openSUSE")
}

// refused are ecosystems whose licence does not allow to pass them on.
var refused = map[string]bool{"Wolfi": true, "Chainguard": true}

// readOSVList reads a file of many OSV records: a JSON array, or an object a line.
func readOSVList(name string, r io.Reader, o *Out) error {
	return eachJSON(r, func(i int, raw json.RawMessage) {
		part := fmt.Sprintf("%s[%d]", name, i)
		if err := readOSV(part, bytes.NewReader(raw), o); err != nil {
			o.Fault(part, err)
		}
	})
}
