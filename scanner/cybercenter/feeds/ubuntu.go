package feeds

import (
	"bufio"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// ubuntuOrder are the releases in their order, by codename and version.
var ubuntuOrder = []struct{ code, version string }{
	{"dapper", "6.06"}, {"edgy", "6.10"}, {"feisty", "7.04"}, {"gutsy", "7.10"}, {"hardy", "8.04"}, {"intrepid", "8.10"}, {"jaunty", "9.04"}, {"karmic", "9.10"},
	{"lucid", "10.04"}, {"maverick", "10.10"}, {"natty", "11.04"}, {"oneiric", "11.10"}, {"precise", "12.04"}, {"quantal", "12.10"}, {"raring", "13.04"}, {"saucy", "13.10"},
	{"trusty", "14.04"}, {"utopic", "14.10"}, {"vivid", "15.04"}, {"wily", "15.10"}, {"xenial", "16.04"}, {"yakkety", "16.10"}, {"zesty", "17.04"}, {"artful", "17.10"},
	{"bionic", "18.04"}, {"cosmic", "18.10"}, {"disco", "19.04"}, {"eoan", "19.10"}, {"focal", "20.04"}, {"groovy", "20.10"}, {"hirsute", "21.04"}, {"impish", "21.10"},
	{"jammy", "22.04"}, {"kinetic", "22.10"}, {"lunar", "23.04"}, {"mantic", "23.10"}, {"noble", "24.04"}, {"oracular", "24.10"}, {"plucky", "25.04"}, {"questing", "25.10"},
	{"resolute", "26.04"},
}

// ubuntuRelease gives a codename's place in the order, -1 for none.
func ubuntuRelease(code string) int {
	return slices.IndexFunc(ubuntuOrder, func(r struct{ code, version string }) bool { return r.code == code })
}

// ubuntuWord is what a file of the tracker says of a package in a release.
type ubuntuWord struct {
	release int  // place in ubuntuOrder
	paid    bool // esm: what those who pay get
	pkg     string
	word    string
	note    string
}

// ubuntuWords gives the words of one file by release. "devel" is the release after the
// newest that the file names: a file that is not looked at any more keeps the
// name it had. Others (upstream, snap, phone images) are none of ours.
func ubuntuWords(lines [][]string) (all []ubuntuWord) {
	newest := -1
	for _, m := range lines {
		newest = max(newest, ubuntuRelease(m[1]))
	}
	for _, m := range lines {
		w := ubuntuWord{release: ubuntuRelease(m[1]), pkg: m[2], word: m[3], note: m[4]}
		if a, b, _ := strings.Cut(m[1], "/"); strings.HasPrefix(a, "esm") || strings.HasPrefix(b, "esm") {
			w.release, w.paid = max(ubuntuRelease(a), ubuntuRelease(b)), true
		}
		if m[1] == "devel" && newest >= 0 {
			w.release = newest + 1
		}
		if w.release >= 0 && w.release < len(ubuntuOrder) && w.word != "DNE" {
			all = append(all, w)
		}
	}
	return all
}

// ubuntuEcosystems says for whom a word holds. What is done for those who pay
// holds for all others, too, where nothing is said to them any more: they have the flaw,
// and the fixed version can be had.
func ubuntuEcosystems(w ubuntuWord, all []ubuntuWord) []vulndb.Ecosystem {
	version := ubuntuOrder[w.release].version
	if !w.paid {
		return []vulndb.Ecosystem{vulndb.Ecosystem("Ubuntu:" + version)}
	}
	ecos := []vulndb.Ecosystem{vulndb.Ecosystem("Ubuntu:Pro:" + version)}
	if !slices.ContainsFunc(all, func(o ubuntuWord) bool { return !o.paid && o.release == w.release && o.pkg == w.pkg }) {
		ecos = append(ecos, vulndb.Ecosystem("Ubuntu:"+version))
	}
	return ecos
}

var ubuntuStatus = regexp.MustCompile(`^([\w./-]+?)_([a-zA-Z0-9][\w.+-]*): *([\w-]+)(?: *\((.*)\))?`)

// readUbuntuTracker reads one CVE of the ubuntu-cve-tracker.
func readUbuntuTracker(name string, r io.Reader, o *Out) error {
	sc := bufio.NewScanner(io.LimitReader(r, MaxRecord))
	sc.Buffer(nil, 1<<20)
	var d vulndb.Detail
	var field string
	var lines [][]string
	priority := finding.Severity("")
	for sc.Scan() {
		line := sc.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == ' ' {
			switch field {
			case "Description":
				d.Description += strings.TrimSpace(line) + " "
			case "References":
				d.URLs = append(d.URLs, strings.TrimSpace(line))
			}
			continue
		}
		if m := ubuntuStatus.FindStringSubmatch(line); m != nil {
			lines = append(lines, m)
			continue
		}
		var value string
		field, value, _ = strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch field {
		case "Candidate":
			d.ID = value
		case "PublicDate":
			d.Published = day(value)
		case "Priority":
			word, _, _ := strings.Cut(value, " ")
			priority = severity(word)
		}
	}
	if err := sc.Err(); err != nil {
		return err
	}
	if !isCVE.MatchString(d.ID) {
		o.skip("no CVE yet")
		return nil
	}
	all := ubuntuWords(lines)
	for _, s := range all {
		a := vulndb.Advisory{ID: d.ID, CVEs: []string{d.ID}, Severity: priority, URLs: []string{"https://ubuntu.com/security/" + d.ID}, Ranges: []vulndb.Range{{Introduced: "0"}}}
		switch s.word {
		case "released":
			if s.note == "" {
				continue // fixed, and not said where: from the beginning
			}
			a.Ranges[0].Fixed = s.note
		case "needed", "pending", "active":
		case "needs-triage":
			a.Status = vulndb.Unknown
		case "deferred":
			a.Status = vulndb.Deferred
		case "ignored":
			a.Status = vulndb.WontFix
			if endOfLife.MatchString(s.note) {
				a.Status = vulndb.EndOfLife
			}
		case "not-affected":
			a.Status, a.Ranges = vulndb.NotAffected, nil
		default:
			continue
		}
		for _, eco := range ubuntuEcosystems(s, all) {
			if err := o.advisory(eco, s.pkg, a); err != nil {
				return err
			}
		}
	}
	d.Severity = priority
	o.record(name, d.Published, o.detail(d))
	return nil
}

var endOfLife = regexp.MustCompile(`(?i)end.of.(life|standard|support|kernel)|out of (standard )?support|reached`)
