package match

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/cybercenter"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

// TestAccuracy scores matches against labels (anchore/vulnerability-match-labels,
// one JSON object a line: what people found true or false of a package of an image)
// with a database: LIMPET_LABELS and LIMPET_LABELS_DB name the two files, and
// LIMPET_LABELS_SOURCES one of lines "debian 8 libcurl3 TAB curl": the source packages,
// which a scan reads in the package database and labels do not hold. LIMPET_LABELS_LIST prints what is wrong.
//
// Labels name neither distribution nor kind of package: imageOS has the former, told
// by the base packages' versions, and the latter is the registry that knows the
// package. A label whose CVE no advisory of that release (Ubuntu: of any) or registry
// names, for any package, says nothing of the matcher: it is counted as "not in the data".
func TestAccuracy(t *testing.T) {
	labels, file := os.Getenv("LIMPET_LABELS"), os.Getenv("LIMPET_LABELS_DB")
	if labels == "" || file == "" {
		return // an evaluation: the small one is TestLabels
	}
	db, err := vulndb.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	all := scoreLabels(t, db, readLabels(t, labels), readSources(t, os.Getenv("LIMPET_LABELS_SOURCES")), os.Getenv("LIMPET_LABELS_LIST") != "")
	if recall, precision := all.figures(); recall < 0.95 || precision < 0.97 {
		t.Errorf("recall %.3f, precision %.3f: 0.95 and 0.97 are wanted", recall, precision)
	}
}

// TestLabels does that with two images of Enterprise Linux 9 and AlmaLinux's rows about their
// packages (testdata/README.md), which nothing was tuned on: what was mended was found
// on releases 7 to 20.04 of others.
func TestLabels(t *testing.T) {
	mirror := t.TempDir()
	if err := os.Mkdir(filepath.Join(mirror, "almalinux"), 0o755); err != nil {
		t.Fatal(err)
	}
	readLines(t, "testdata/almalinux-9.jsonl", func(line string) {
		var v struct{ ID string }
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(mirror, "almalinux", v.ID+".json"), []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	file := filepath.Join(mirror, "vuln.db")
	if _, err := cybercenter.Build(t.Context(), cybercenter.BuildOptions{Mirror: mirror, Out: file, Built: time.Unix(1.7e9, 0)}); err != nil {
		t.Fatal(err)
	}
	db, err := vulndb.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	all := scoreLabels(t, db, readLabels(t, "testdata/labels-el9.jsonl"), readSources(t, "testdata/sources-el9.tsv"), true)
	if recall, precision := all.figures(); recall < 0.95 || precision < 0.97 || all.tp < 60 {
		t.Errorf("recall %.3f, precision %.3f of %d: 0.95 and 0.97 are wanted", recall, precision, all.tp+all.fn)
	}
}

// label is a line of the labels.
type label struct{ Image, Pkg, Ver, Vuln, CVE, Label string }

func readLabels(t *testing.T, path string) (all []label) {
	t.Helper()
	readLines(t, path, func(line string) {
		var l label
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if l.Label == "TP" || l.Label == "FP" {
			all = append(all, l)
		}
	})
	return all
}

func readSources(t *testing.T, path string) map[string]string {
	t.Helper()
	sources := map[string]string{}
	if path != "" {
		readLines(t, path, func(line string) {
			binary, source, _ := strings.Cut(line, "\t")
			sources[binary] = source
		})
	}
	return sources
}

func readLines(t *testing.T, path string, each func(string)) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		each(s.Text())
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
}

// imageOS says what an image is, by the beginning of its digest.
var imageOS = map[string]string{
	"08dbfad2": "almalinux 9", "347a0d74": "almalinux 9", "d48f0546": "almalinux 8", "68fecea0": "almalinux 8", // rebuilds have RHEL's versions
	"81e88820": "debian 7", "af31633b": "debian 8", "d8a88e8e": "debian 9", "1a67ab96": "debian 10", "fcfcbb02": "debian 11",
	"bc48dd70": "ubuntu 13.04", "881afbae": "ubuntu 14.04", "6341c688": "ubuntu 14.10", "02521a2d": "ubuntu 15.10", "213e0558": "ubuntu 17.04",
	"9c4bf7db": "ubuntu 17.10", "971a12d7": "ubuntu 18.04", "3db17bfc": "ubuntu 19.04", "6852f9e0": "ubuntu 19.10", "04d4219d": "ubuntu 20.04",
	"9d42d0e3": "ubuntu 20.04", "253908b2": "ubuntu 21.10", "aa6c2c04": "ubuntu 22.04", "09f035f4": "ubuntu 23.04",
	"58637f27": "alpine 3.6", "a287a0ff": "alpine 3.8", "01c78cee": "alpine 3.11", "0825acea": "alpine 3.12", "ba42ded8": "alpine 3.12",
	"6749b150": "alpine 3.13", "10008791": "alpine 3.14", "5763c8a2": "alpine 3.14", "fe242a3a": "alpine 3.14", "e25a9a17": "alpine 3.18",
}

func (l *label) os() *finding.OS {
	_, digest, _ := strings.Cut(l.Image, "sha256:")
	id, version, ok := strings.Cut(imageOS[digest[:min(8, len(digest))]], " ")
	if !ok {
		return nil
	}
	return &finding.OS{ID: id, Version: version}
}

// osPackage tells a distribution's package by its version's form, and Debian's, which
// may have any, by its source.
func (l *label) osPackage(os *finding.OS, sources map[string]string) (finding.Type, bool) {
	switch os.ID {
	case "almalinux":
		return finding.RPM, strings.Contains(l.Ver, ".el")
	case "alpine":
		_, after, ok := strings.Cut(l.Ver, "-r")
		return finding.APK, ok && strings.Trim(after, "0123456789") == ""
	}
	return finding.Deb, strings.Contains(l.Ver, "-") && sources[os.ID+" "+os.Version+" "+l.Pkg] != ""
}

// known are the vulnerabilities that an ecosystem names, or a family of them.
type known map[string]map[string]bool

func (k known) of(t *testing.T, db *vulndb.DB, family string) map[string]bool {
	t.Helper()
	if k[family] != nil {
		return k[family]
	}
	k[family] = map[string]bool{}
	for _, e := range db.Meta().Ecosystems {
		if name, _, _ := strings.Cut(string(e.Name), ":"); name != family && string(e.Name) != family {
			continue
		}
		names, err := db.Packages(e.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			rows, err := db.Advisories(e.Name, name)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				for _, id := range append(slices.Concat(r.CVEs, r.Aliases), r.ID) {
					k[family][id] = true
				}
			}
		}
	}
	return k[family]
}

// score counts labels by what came of them.
type score struct{ tp, fn, fp, tn, without int }

func (s *score) figures() (recall, precision float64) {
	return float64(s.tp) / float64(max(1, s.tp+s.fn)), float64(s.tp) / float64(max(1, s.tp+s.fp))
}

// scoreLabels matches each label's package and prints a line for each ecosystem.
func scoreLabels(t *testing.T, db *vulndb.DB, labels []label, sources map[string]string, list bool) (all score) {
	t.Helper()
	scores, names := map[string]*score{}, known{}
	for _, l := range labels {
		r, eco, family := reportOf(t, db, l, sources, names)
		if eco == "" {
			continue
		}
		if scores[eco] == nil {
			scores[eco] = &score{}
		}
		sc := scores[eco]
		if ids := names.of(t, db, family); !ids[l.CVE] && !ids[l.Vuln] {
			sc.without++
			continue
		}
		if err := Match(context.Background(), r, db); err != nil {
			t.Fatal(err)
		}
		found := slices.ContainsFunc(r.Vulnerabilities, func(v finding.Vulnerability) bool {
			return v.ID == l.CVE || v.ID == l.Vuln || slices.Contains(v.Aliases, l.Vuln)
		})
		wrong := found != (l.Label == "TP")
		if list && wrong {
			p := r.Packages[0]
			t.Logf("%s: labelled %s: %s %s (source %s) %s", eco, l.Label, p.Name, p.Version, p.SourceName, cmp.Or(l.CVE, l.Vuln))
		}
		switch {
		case found && wrong:
			sc.fp++
		case found:
			sc.tp++
		case wrong:
			sc.fn++
		default:
			sc.tn++
		}
	}
	for _, eco := range slices.Sorted(maps.Keys(scores)) {
		sc := scores[eco]
		recall, precision := sc.figures()
		t.Logf("%-16s TP %4d FN %4d FP %4d TN %4d, not in the data %4d; recall %.1f %%, precision %.1f %%", eco, sc.tp, sc.fn, sc.fp, sc.tn, sc.without, 100*recall, 100*precision)
		all.tp, all.fn, all.fp, all.tn, all.without = all.tp+sc.tp, all.fn+sc.fn, all.fp+sc.fp, all.tn+sc.tn, all.without+sc.without
	}
	recall, precision := all.figures()
	t.Logf("all: TP %d FN %d FP %d TN %d, not in the data %d; recall %.1f %%, precision %.1f %%", all.tp, all.fn, all.fp, all.tn, all.without, 100*recall, 100*precision)
	return all
}

// reportOf is a report of a label's package alone; "" where it is none of an
// ecosystem that the database has.
func reportOf(t *testing.T, db *vulndb.DB, l label, sources map[string]string, names known) (r *finding.Report, eco, family string) {
	t.Helper()
	p := finding.Package{ID: "p", Name: l.Pkg, Version: l.Ver}
	if os := l.os(); os != nil {
		if kind, ok := l.osPackage(os, sources); ok {
			eco := Distribution(os)
			if !db.HasEcosystem(eco) {
				return nil, "", ""
			}
			p.Type, p.SourceName = kind, sources[os.ID+" "+os.Version+" "+l.Pkg]
			family = string(eco)
			if os.ID == "ubuntu" { // its tracker has all CVEs; the others' lists only what they fixed
				family = "Ubuntu"
			}
			return &finding.Report{OS: os, Packages: []finding.Package{p}}, string(eco), family
		}
	}
	for _, kind := range []finding.Type{finding.PyPI, finding.Gem, finding.Go, finding.NPM, finding.Composer} {
		rows, err := db.Advisories(languages[kind], l.Pkg)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) > 0 {
			p.Type = kind
			return &finding.Report{Packages: []finding.Package{p}}, string(languages[kind]), string(languages[kind])
		}
	}
	return nil, "", ""
}
