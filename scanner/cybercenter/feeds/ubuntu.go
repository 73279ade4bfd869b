package feeds

import (
	"bufio"
	"io"
	"regexp"
	"strings"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// ubuntuReleases gives the version for a codename.
var ubuntuReleases = map[string]string{"trusty": "14.04", "xenial": "16.04", "artful": "17.10", "bionic": "18.04", "cosmic": "18.10", "disco": "19.04",
	"eoan": "19.10", "focal": "20.04", "groovy": "20.10", "hirsute": "21.04", "impish": "21.10", "jammy": "22.04", "kinetic": "22.10", "lunar": "23.04",
	"mantic": "23.10", "noble": "24.04", "oracular": "24.10", "plucky": "25.04", "questing": "25.10", "resolute": "26.04", "precise": "12.04"}

// ubuntuEcosystem reads jammy, esm-infra/xenial, trusty/esm.
func ubuntuEcosystem(release string) (vulndb.Ecosystem, bool) {
	if v, ok := ubuntuReleases[release]; ok {
		return vulndb.Ecosystem("Ubuntu:" + v), true
	}
	a, b, _ := strings.Cut(release, "/")
	for _, code := range []string{a, b} {
		if v, ok := ubuntuReleases[code]; ok && strings.Contains(release, "esm") {
			return vulndb.Ecosystem("Ubuntu:Pro:" + v), true
		}
	}
	return "", false
}

var ubuntuStatus = regexp.MustCompile(`^([\w./-]+?)_([a-zA-Z0-9][\w.+-]*): *([\w-]+)(?: *\((.*)\))?`)

// readUbuntuTracker reads one CVE of the ubuntu-cve-tracker.
func readUbuntuTracker(name string, r io.Reader, o *Out) error {
	sc := bufio.NewScanner(io.LimitReader(r, MaxRecord))
	sc.Buffer(nil, 1<<20)
	var d vulndb.Detail
	var field string
	type status struct{ release, pkg, word, note string }
	var all []status
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
			all = append(all, status{m[1], m[2], m[3], m[4]})
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
	for _, s := range all {
		eco, ok := ubuntuEcosystem(s.release)
		if !ok {
			continue
		}
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
		default: // DNE: the release has no such package
			continue
		}
		if err := o.advisory(eco, s.pkg, a); err != nil {
			return err
		}
	}
	d.Severity = priority
	o.record(name, d.Published, o.detail(d))
	return nil
}

var endOfLife = regexp.MustCompile(`(?i)end.of.(life|standard|support|kernel)|out of (standard )?support|reached`)
