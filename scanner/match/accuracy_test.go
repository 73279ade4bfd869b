package match

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"testing"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// TestAccuracy scores matches against labels (anchore/vulnerability-match-labels,
// one JSON object a line) with a database: LIMPET_LABELS and LIMPET_LABELS_DB name
// the two files. The labels hold no images, so a package's kind and release are
// told from its version; what cannot be told is left out. They name no source
// packages either, which a scan knows and most of Debian's advisories go by: the
// recall that is printed is a lower bound, the precision is what is held.
func TestAccuracy(t *testing.T) {
	labels, file := os.Getenv("LIMPET_LABELS"), os.Getenv("LIMPET_LABELS_DB")
	if labels == "" || file == "" {
		return // an evaluation: nothing is promised without its data
	}
	db, err := vulndb.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	f, err := os.Open(labels)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	type score struct{ tp, fn, fp, tn, other int }
	scores := map[string]*score{}
	for s := bufio.NewScanner(f); s.Scan(); {
		var l struct{ Image, Pkg, Ver, Vuln, CVE, Label string }
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		os := releaseOf(l.Ver)
		if os == nil || l.Label != "TP" && l.Label != "FP" {
			continue
		}
		eco := string(Distribution(os))
		if scores[eco] == nil {
			scores[eco] = &score{}
		}
		sc := scores[eco]
		p := finding.Package{ID: "p", Name: l.Pkg, Version: l.Ver, Type: finding.Deb}
		if os.ID == "almalinux" {
			p.Type = finding.RPM
		}
		if !db.HasEcosystem(Distribution(os)) {
			sc.other++
			continue
		}
		r := finding.Report{OS: os, Packages: []finding.Package{p}}
		if err := Match(context.Background(), &r, db); err != nil {
			t.Fatal(err)
		}
		found := false
		for _, v := range r.Vulnerabilities {
			found = found || v.ID == l.CVE || v.ID == l.Vuln
		}
		switch {
		case found && l.Label == "TP":
			sc.tp++
		case found:
			sc.fp++
		case l.Label == "TP":
			sc.fn++
		default:
			sc.tn++
		}
	}
	all := score{}
	for eco, sc := range scores {
		all.tp, all.fp = all.tp+sc.tp, all.fp+sc.fp
		fmt.Printf("%-20s TP %4d FN %4d FP %4d TN %4d, without data %d; recall %.1f %%, precision %.1f %%\n", eco, sc.tp, sc.fn, sc.fp, sc.tn, sc.other,
			100*float64(sc.tp)/float64(max(1, sc.tp+sc.fn)), 100*float64(sc.tp)/float64(max(1, sc.tp+sc.fp)))
	}
	if all.tp == 0 || float64(all.tp)/float64(all.tp+all.fp) < 0.97 {
		t.Errorf("of %d matches %d are wrong: the goal is 3 in 100", all.tp+all.fp, all.fp)
	}
}

var elRelease = regexp.MustCompile(`\.(?:module[+_])?el(\d+)`)
var debRelease = regexp.MustCompile(`[+~]deb(\d+)u`)

// releaseOf tells a release from a version, nil where it does not say.
func releaseOf(version string) *finding.OS {
	if m := elRelease.FindStringSubmatch(version); m != nil {
		return &finding.OS{ID: "almalinux", Version: m[1]} // their rebuilds have RHEL's versions
	}
	if m := debRelease.FindStringSubmatch(version); m != nil {
		return &finding.OS{ID: "debian", Version: m[1]}
	}
	return nil
}
