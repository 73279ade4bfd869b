package match

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/vulndb"
)

func source() *Memory {
	m := &Memory{
		Made: finding.Database{Digest: "sha256:test", Built: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Schema: 1},
		Details: map[string]vulndb.Detail{
			"CVE-2024-0001": {ID: "CVE-2024-0001", Title: "t", Severity: finding.Critical, CVSS: []finding.CVSS{{Source: "nvd", Version: "3.1", Score: 9.8}},
				EPSS: &finding.EPSS{Score: 0.9}, KEV: &finding.KEV{Added: "2024-02-01"}, SSVC: &finding.SSVC{Exploitation: "active"}},
		},
		Releases: map[string]vulndb.Release{"debian:10": {EndOfLife: "2024-06-30"}, "debian:12": {EndOfLife: "2028-06-30"}},
	}
	fixed := func(id, cve, at string) vulndb.Advisory {
		return vulndb.Advisory{ID: id, CVEs: []string{cve}, Source: "test", Status: vulndb.Affected, Ranges: []vulndb.Range{{Introduced: "0", Fixed: at}}}
	}
	debian := func(name string, rows ...vulndb.Advisory) { m.Add("Debian:12", name, rows...) }
	row := fixed("DSA-1", "CVE-2024-0001", "3.0.13-1~deb12u1")
	row.Severity, row.FixedAt = finding.Medium, "2024-03-01T00:00:00Z"
	debian("openssl", row,
		vulndb.Advisory{ID: "CVE-2024-0002", CVEs: []string{"CVE-2024-0002"}, Source: "test", Status: vulndb.WontFix},
		fixed("DSA-2", "CVE-2024-0003", "3.0.1-1"),
		fixed("X", "CVE-2024-0004", "9"), vulndb.Advisory{ID: "tracker", CVEs: []string{"CVE-2024-0004"}, Source: "test", Status: vulndb.NotAffected})
	debian("linux", fixed("DSA-3", "CVE-2024-0005", "6.1.90-1"))
	debian("zlib", fixed("DSA-4", "CVE-2024-0006", "1:1.2.13-2"))
	m.Add("PyPI", "requests",
		vulndb.Advisory{ID: "GHSA-a", Aliases: []string{"PYSEC-1"}, Source: "ghsa", Status: vulndb.Affected, Severity: finding.High, Ranges: []vulndb.Range{{Introduced: "0", Fixed: "2.31.0"}}},
		vulndb.Advisory{ID: "PYSEC-1", CVEs: []string{"CVE-2023-1000"}, Aliases: []string{"GHSA-a"}, Source: "pypa", Status: vulndb.Affected, Ranges: []vulndb.Range{{Introduced: "2.0", Fixed: "2.30"}}})
	m.Add("npm", "two", vulndb.Advisory{ID: "GHSA-b", CVEs: []string{"CVE-2023-2000"}, Source: "ghsa", Status: vulndb.Affected,
		Ranges: []vulndb.Range{{Introduced: "0", Fixed: "1.2.5"}, {Introduced: "1.2.5", Fixed: "1.2.7"}, {Introduced: "2.0.0", Fixed: "2.1.0"}}})
	m.Add("Red Hat:8", "nodejs",
		vulndb.Advisory{ID: "RHSA-18", CVEs: []string{"CVE-2023-3000"}, Source: "rhel", Status: vulndb.Affected, Module: "nodejs:18", Ranges: []vulndb.Range{{Fixed: "1:18.17.1-1.module+el8.8.0+1+a"}}},
		vulndb.Advisory{ID: "RHSA-16", CVEs: []string{"CVE-2023-3000"}, Source: "rhel", Status: vulndb.Affected, Module: "nodejs:16", Ranges: []vulndb.Range{{Fixed: "1:16.20.2-1.module+el8.8.0+1+a"}}})
	m.Add("AlmaLinux:8", "nodejs",
		vulndb.Advisory{ID: "ALSA-18", CVEs: []string{"CVE-2023-3000"}, Source: "alma", Status: vulndb.Affected, Ranges: []vulndb.Range{{Introduced: "0", Fixed: "1:18.17.1-1.module_el8.8.0+1+a"}}})
	m.Add("Red Hat:8", "curl", vulndb.Advisory{ID: "RHSA-c", CVEs: []string{"CVE-2023-4000"}, Source: "rhel", Status: vulndb.Affected, Arches: []string{"aarch64"}, Ranges: []vulndb.Range{{Fixed: "7.61.1-99"}}})
	m.Add("Alpine:v3.18", "openssl", fixed("CVE-2024-0009", "CVE-2024-0009", "3.1.2-r0"))
	m.Add("Go", "stdlib", fixed("GO-1", "CVE-2023-5000", "1.21.3"))
	return m
}

// matched gives "id package fixed state by" lines of a report of one OS.
func matched(t *testing.T, os *finding.OS, ps ...finding.Package) (found, aside []string, r *finding.Report) {
	t.Helper()
	r = &finding.Report{OS: os, Packages: ps}
	for i := range r.Packages {
		if r.Packages[i].ID == "" {
			r.Packages[i].ID = fmt.Sprint(i)
		}
	}
	if err := Match(context.Background(), r, source()); err != nil {
		t.Fatal(err)
	}
	r.Sort()
	for _, v := range r.Vulnerabilities {
		found = append(found, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", v.ID, v.Name, v.Severity, v.FixState, v.FixedVersion)))
	}
	for _, s := range r.Suppressed {
		aside = append(aside, s.ID+" "+s.Name+" "+s.By)
	}
	return found, aside, r
}

func TestMatch(t *testing.T) {
	debian := &finding.OS{ID: "debian", Version: "12"}
	rhel := &finding.OS{ID: "rhel", Version: "8.8"}
	dash := func(path string) []finding.Place { return []finding.Place{{Path: path}} }
	for _, c := range []struct {
		name  string
		os    *finding.OS
		p     finding.Package
		found []string
		aside []string
	}{
		{"the source's name and version count, and the vendor's severity", debian,
			finding.Package{Type: finding.Deb, Name: "libssl3", Version: "3.0.11-1~deb12u2", SourceName: "openssl"},
			[]string{"CVE-2024-0001 libssl3 medium fixed 3.0.13-1~deb12u1", "CVE-2024-0002 libssl3 unknown will-not-fix"},
			[]string{"CVE-2024-0004 libssl3 vendor-not-affected"}},
		{"a fixed version is not affected", debian,
			finding.Package{Type: finding.Deb, Name: "openssl", Version: "3.0.13-1~deb12u1"},
			[]string{"CVE-2024-0002 openssl unknown will-not-fix"}, []string{"CVE-2024-0004 openssl vendor-not-affected"}},
		{"a rebuild is the same source", debian,
			finding.Package{Type: finding.Deb, Name: "zlib1g", Version: "1:1.2.13-2+b1", SourceName: "zlib"}, nil, nil},
		{"an epoch outranks", debian,
			finding.Package{Type: finding.Deb, Name: "zlib1g", Version: "9.9-1", SourceName: "zlib"},
			[]string{"CVE-2024-0006 zlib1g unknown fixed 1:1.2.13-2"}, nil},
		{"headers are set aside", debian,
			finding.Package{Type: finding.Deb, Name: "linux-libc-dev", Version: "6.1.76-1", SourceName: "linux"},
			nil, []string{"CVE-2024-0005 linux-libc-dev kernel-headers"}},
		{"locales hold no code", debian,
			finding.Package{Type: finding.Deb, Name: "libc-l10n", Version: "3.0.13-1~deb12u1", SourceName: "openssl"},
			nil, []string{"CVE-2024-0002 libc-l10n no-code", "CVE-2024-0004 libc-l10n vendor-not-affected"}},
		{"a signed kernel is its source", debian,
			finding.Package{Type: finding.Deb, Name: "linux-image-6.1.0-21-amd64", Version: "6.1.90-1", SourceName: "linux-signed-amd64", SourceVersion: "6.1.90+1"}, nil, nil},
		{"aliases are one finding, and both ranges are left", nil,
			finding.Package{Type: finding.PyPI, Name: "Requests", Version: "2.28.1"},
			[]string{"CVE-2023-1000 Requests high fixed 2.31.0"}, nil},
		{"the distribution speaks for what it installed", debian,
			finding.Package{Type: finding.PyPI, Name: "requests", Version: "2.28.1", OwnedBy: "dpkg", Places: dash("/usr/lib/python3/dist-packages/x")},
			nil, []string{"CVE-2023-1000 requests owned-by-os"}},
		{"and not for what a stranger's package put into /opt", debian,
			finding.Package{Type: finding.PyPI, Name: "requests", Version: "2.28.1", OwnedBy: "dpkg", Places: dash("/opt/gitlab/x")},
			[]string{"CVE-2023-1000 requests high fixed 2.31.0"}, nil},
		{"a distribution without data does not hide anything", &finding.OS{ID: "debian", Version: "7"},
			finding.Package{Type: finding.PyPI, Name: "requests", Version: "2.28.1", OwnedBy: "dpkg"},
			[]string{"CVE-2023-1000 requests high fixed 2.31.0"}, nil},
		{"a fix inside another range is not one", nil,
			finding.Package{Type: finding.NPM, Name: "two", Version: "1.2.3"}, []string{"CVE-2023-2000 two unknown fixed 1.2.7"}, nil},
		{"between the ranges", nil, finding.Package{Type: finding.NPM, Name: "two", Version: "1.9.0"}, nil, nil},
		{"the range that holds tells the fix", nil,
			finding.Package{Type: finding.NPM, Name: "two", Version: "2.0.0"}, []string{"CVE-2023-2000 two unknown fixed 2.1.0"}, nil},
		{"a module stream", rhel,
			finding.Package{Type: finding.RPM, Name: "nodejs", Version: "1:16.20.0-1.module+el8.8.0+9+b", Module: "nodejs:16:8080:x"},
			[]string{"CVE-2023-3000 nodejs unknown fixed 1:16.20.2-1.module+el8.8.0+1+a"}, nil},
		{"no module, no module's advisory", rhel, finding.Package{Type: finding.RPM, Name: "nodejs", Version: "1:10.1-1.el8"}, nil, nil},
		{"a stream told by the version alone", &finding.OS{ID: "almalinux", Version: "8.9"},
			finding.Package{Type: finding.RPM, Name: "nodejs", Version: "1:16.20.0-1.module_el8.8.0+9+b", Module: "nodejs:16:8080:x"}, nil, nil},
		{"another architecture's advisory", rhel, finding.Package{Type: finding.RPM, Name: "curl", Version: "7.61.1-30.el8", Arch: "x86_64"}, nil, nil},
		{"this architecture's", rhel, finding.Package{Type: finding.RPM, Name: "libcurl", SourceName: "curl", Version: "7.61.1-30.el8", Arch: "aarch64"},
			[]string{"CVE-2023-4000 libcurl unknown fixed 7.61.1-99"}, nil},
		{"apk", &finding.OS{ID: "alpine", Version: "3.18.4"}, finding.Package{Type: finding.APK, Name: "libssl3", SourceName: "openssl", Version: "3.1.1-r1"},
			[]string{"CVE-2024-0009 libssl3 unknown fixed 3.1.2-r0"}, nil},
		{"Go's own library", nil, finding.Package{Type: finding.Go, Name: "stdlib", Version: "go1.21.2"}, []string{"CVE-2023-5000 stdlib unknown fixed 1.21.3"}, nil},
	} {
		found, aside, _ := matched(t, c.os, c.p)
		if d := cmp.Diff(c.found, found); d != "" {
			t.Errorf("%s: findings (-want +got)\n%s", c.name, d)
		}
		if d := cmp.Diff(c.aside, aside); d != "" {
			t.Errorf("%s: set aside (-want +got)\n%s", c.name, d)
		}
	}
}

// TestExplained holds what a reader gets to see of one match.
func TestExplained(t *testing.T) {
	_, _, r := matched(t, &finding.OS{ID: "debian", Version: "12"}, finding.Package{Type: finding.Deb, Name: "openssl", Version: "3.0.11-1~deb12u2"})
	v := r.Vulnerabilities[0]
	want := finding.Why{Advisory: "DSA-1", Source: "test", Ecosystem: "Debian:12", Compared: "openssl 3.0.11-1~deb12u2 < 3.0.13-1~deb12u1 (deb)"}
	if d := cmp.Diff(want, v.Why); d != "" {
		t.Error(d)
	}
	if v.KEV == nil || v.EPSS == nil || v.SSVC == nil || v.FixedAt == "" || v.SeveritySource != "test" || !slices.Equal(v.Aliases, []string{"DSA-1"}) {
		t.Errorf("a detail is missing: %+v", v)
	}
}

// TestNoDataIsNotClean holds that what was not matched is said.
func TestNoDataIsNotClean(t *testing.T) {
	for _, c := range []struct {
		os   *finding.OS
		p    finding.Package
		want finding.Coverage
	}{
		{&finding.OS{ID: "slackware", Version: "15"}, finding.Package{Type: finding.Deb, Name: "x", Version: "1"},
			finding.Coverage{Ecosystem: "slackware:15", Packages: 1, Detail: "the database holds nothing for it: these packages were not matched"}},
		{nil, finding.Package{Type: finding.RPM, Name: "x", Version: "1"},
			finding.Coverage{Ecosystem: "no ecosystem (rpm)", Packages: 1, Detail: "the distribution or registry that these come from is not known: nothing was matched"}},
		{nil, finding.Package{Type: finding.NPM, Name: "two", Version: "1.9.0"}, finding.Coverage{Ecosystem: "npm", Packages: 1, Data: true}},
		{nil, finding.Package{Type: finding.NPM, Name: "two"},
			finding.Coverage{Ecosystem: "npm", Packages: 1, Data: true, Detail: `1 comparisons were not possible, such as "two": it has no version`}},
	} {
		_, _, r := matched(t, c.os, c.p)
		if d := cmp.Diff([]finding.Coverage{c.want}, r.Coverage); d != "" {
			t.Error(d)
		}
	}
}

// TestMatchAgain holds that a report can be matched again, and gives the same.
func TestMatchAgain(t *testing.T) {
	_, _, r := matched(t, &finding.OS{ID: "debian", Version: "12"},
		finding.Package{Type: finding.Deb, Name: "openssl", Version: "3.0.11-1"}, finding.Package{Type: finding.PyPI, Name: "requests", Version: "2.1", OwnedBy: "0"})
	before := *r
	if err := Match(context.Background(), r, source()); err != nil {
		t.Fatal(err)
	}
	r.Sort()
	if d := cmp.Diff(&before, r); d != "" {
		t.Error(d)
	}
}

func TestEndOfLife(t *testing.T) {
	for version, ended := range map[string]bool{"10": true, "10.4": true, "12": false, "99": false} {
		_, _, r := matched(t, &finding.OS{ID: "debian", Version: version})
		if r.OS.Ended != ended {
			t.Errorf("Debian %s: ended %v", version, r.OS.Ended)
		}
	}
}

func TestDistribution(t *testing.T) {
	for want, os := range map[string]finding.OS{
		"Ubuntu:22.04": {ID: "ubuntu", Version: "22.04"}, "Alpine:v3.18": {ID: "alpine", Version: "3.18.4"}, "Alpine:edge": {ID: "alpine", Version: "3.21_alpha20240807"},
		"Red Hat:9": {ID: "rhel", Version: "9.3"}, "Amazon Linux:2": {ID: "amzn", Version: "2"}, "Amazon Linux:1": {ID: "amzn", Version: "2018.03"},
		"SUSE Linux Enterprise Server:15.5": {ID: "sles", Version: "15.5"}, "openSUSE Leap:15.5": {ID: "opensuse-leap", Version: "15.5"}, "Wolfi": {ID: "wolfi", Version: "20230201"},
		"": {ID: "debian"}, "other:1": {ID: "other", Version: "1"},
	} {
		if got := string(Distribution(&os)); got != want {
			t.Errorf("%+v: %q, want %q", os, got, want)
		}
	}
}

// BenchmarkMatch1400 matches 1,400 packages of which one is a kernel with 4,000 advisories.
func BenchmarkMatch1400(b *testing.B) {
	src := source()
	for i := range 4000 {
		src.Add("Debian:12", "linux", vulndb.Advisory{ID: fmt.Sprint("CVE-2023-", 10000+i), CVEs: []string{fmt.Sprint("CVE-2023-", 10000+i)}, Status: vulndb.Affected,
			Ranges: []vulndb.Range{{Introduced: "0", Fixed: fmt.Sprintf("6.1.%d-1", i%120)}}})
	}
	r := finding.Report{OS: &finding.OS{ID: "debian", Version: "12"}}
	for i := range 400 {
		p := finding.Package{ID: fmt.Sprint(i), Type: finding.Deb, Name: fmt.Sprint("p", i), Version: "6.1.80-1", SourceName: "openssl"}
		if i == 0 {
			p.SourceName = "linux"
		}
		r.Packages = append(r.Packages, p)
	}
	for i := range 1000 {
		src.Add("npm", fmt.Sprint("n", i), vulndb.Advisory{ID: fmt.Sprint("GHSA-", i), Status: vulndb.Affected, Ranges: []vulndb.Range{{Introduced: "0", Fixed: "1.2.3"}}})
		r.Packages = append(r.Packages, finding.Package{ID: fmt.Sprint("n", i), Type: finding.NPM, Name: fmt.Sprint("n", i), Version: "1.5.0"})
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := Match(context.Background(), &r, src); err != nil {
			b.Fatal(err)
		}
	}
}
