package report

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"flag"
	"io"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/limpet-security/limpet/internal/finding"
)

var update = flag.Bool("update", false, "write the golden files anew")

// evil is what an image may call anything: terminal sequences, markup, a
// formula, text that turns around, bytes that are no text.
const evil = "=\x1b[2J\x1b]0;x\a<script>alert(1)</script>&\"'`{{.}}\u202e\u009b31m\u2028]]>\xff\n\tend"

func report() *finding.Report {
	at := func(path string) finding.Place { return finding.Place{Path: path, Line: 3} }
	r := &finding.Report{
		Schema: 1, Scanner: "1.2.3",
		Artifact:  finding.Artifact{Kind: finding.KindImage, Name: "shop/web:1.4", Digest: "sha256:" + strings.Repeat("a", 64), Platform: "linux/amd64"},
		Integrity: finding.Integrity{Verdict: finding.Partial, Anomalies: []finding.Anomaly{{Code: "tar-cut", Effect: finding.Partial, Path: "/x", Detail: "the layer ends early"}}},
		OS:        &finding.OS{ID: "debian", Version: "10", Ended: true, EndOfLife: "2024-06-30"},
		Database:  &finding.Database{Digest: "sha256:x", Built: time.Date(2026, 11, 1, 2, 3, 4, 0, time.UTC), Schema: 1},
		Packages:  []finding.Package{{ID: "o", Type: finding.Deb, Name: "openssl", Version: "3.0.1", PURL: "pkg:deb/debian/openssl@3.0.1"}, {ID: "l", Type: finding.NPM, Name: "lodash", Version: "4.0.0", PURL: "pkg:npm/lodash@4.0.0"}},
		Vulnerabilities: []finding.Vulnerability{
			{ID: "CVE-2024-0001", Package: "o", Name: "openssl", Version: "3.0.1", Type: finding.Deb, Severity: finding.Critical, FixState: finding.Fixed, FixedVersion: "3.0.9", Title: "a bad one", Place: at("/var/lib/dpkg/status"), URLs: []string{"javascript:alert(1)", "https://security.example/CVE-2024-0001"},
				KEV: &finding.KEV{Added: "2024-02-01", Ransomware: true}, EPSS: &finding.EPSS{Score: 0.91}, CVSS: []finding.CVSS{{Source: "nvd", Version: "3.1", Score: 9.8}}, Why: finding.Why{Advisory: "DSA-1", Source: "debian", Ecosystem: "Debian:10", Compared: "openssl 3.0.1 < 3.0.9 (deb)"}},
			{ID: "CVE-2024-0002", Package: "o", Name: "openssl", Version: "3.0.1", Type: finding.Deb, Severity: finding.High, FixState: finding.Fixed, FixedVersion: "3.0.10", Why: finding.Why{Ecosystem: "Debian:10"}},
			{ID: "GHSA-x", Package: "l", Name: "lodash", Version: "4.0.0", Type: finding.NPM, Severity: finding.Medium, FixState: finding.WontFix, Title: "another", Place: at("/app/a b:c/package.json"), Why: finding.Why{Ecosystem: "npm"}},
		},
		Secrets:           []finding.Secret{{Rule: "aws-key", Title: "AWS access key", Severity: finding.High, Place: at("/app/.env"), Masked: "AKIA****WXYZ"}},
		Malware:           []finding.Malware{{Rule: "eicar", Engine: "yara", SHA256: "00", Severity: finding.Critical, Place: at("/tmp/x")}},
		Licences:          []finding.Licence{{Name: "AGPL-3.0-only", Category: "network-copyleft", Package: "l"}, {Name: "MIT", Category: "permissive"}},
		Misconfigurations: []finding.Misconfiguration{{ID: "LMP-DOCKER-0001", Title: "runs as root", Severity: finding.Medium, Message: "no USER", Resolution: "add USER"}},
		Suppressed:        []finding.Suppressed{{ID: "CVE-2023-9", Package: "o", Name: "openssl", Version: "3.0.1", By: "vendor-not-affected", Reason: "not built"}},
		Coverage:          []finding.Coverage{{Ecosystem: "Debian:10", Packages: 1, Data: true}, {Ecosystem: "Pub", Packages: 2, Detail: "nothing"}},
	}
	r.Sort()
	return r
}

var template1 = `{{range .Vulnerabilities}}{{csv .ID}},{{csv .Name}},{{json .Severity}},{{html .Title}}
{{end}}{{range fixFirst .}}{{clean .Name}}
{{end}}`

func TestGolden(t *testing.T) {
	for _, format := range Formats() {
		var a, b bytes.Buffer
		for _, w := range []*bytes.Buffer{&a, &b} {
			if err := Write(w, format, report(), Options{Template: template1, Suppressed: true, Width: 120}); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Errorf("%s: written twice, it differs", format)
		}
		file := "testdata/" + format + ".golden"
		if *update {
			if err := os.WriteFile(file, a.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), a.String()); d != "" {
			t.Errorf("%s (-want +got)\n%s", format, d)
		}
	}
}

// poisoned is a report whose every text is evil.
func poisoned(t testing.TB, text string) *finding.Report {
	t.Helper()
	r := report()
	for _, s := range []*string{&r.Artifact.Name, &r.Artifact.Digest, &r.OS.ID, &r.OS.Version, &r.Integrity.Anomalies[0].Detail, &r.Packages[0].Name, &r.Packages[0].Version,
		&r.Secrets[0].Title, &r.Secrets[0].Masked, &r.Secrets[0].Place.Path, &r.Malware[0].Rule, &r.Misconfigurations[0].Message, &r.Licences[0].Name,
		&r.Suppressed[0].Reason, &r.Suppressed[0].Name, &r.Coverage[1].Ecosystem, &r.Coverage[1].Detail} {
		*s = text
	}
	for i := range r.Vulnerabilities {
		v := &r.Vulnerabilities[i]
		v.ID, v.Name, v.Version, v.Title, v.Place.Path, v.Why.Compared, v.Description = text, text, text, text, text, text, text
		v.URLs = []string{"https://" + text, text}
	}
	return r
}

// TestNothingActs holds that no text of an image reaches a reader as anything but text.
func TestNothingActs(t *testing.T) {
	for _, format := range Formats() {
		var b bytes.Buffer
		if err := Write(&b, format, poisoned(t, evil), Options{Template: template1, Suppressed: true}); err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		out := b.String()
		if !utf8.ValidString(out) {
			t.Errorf("%s: not UTF-8", format)
		}
		for i, r := range out {
			if r != '\n' && acts(r) {
				t.Errorf("%s: %q at %d, after %q", format, r, i, out[max(0, i-40):i])
				break
			}
		}
		if (format == "html" || format == "junit") && strings.Contains(out, "<script") {
			t.Errorf("%s: markup came through", format)
		}
		switch format {
		case "json", "sarif", "gitlab", "cyclonedx", "spdx-json", "openvex":
			if !json.Valid(b.Bytes()) {
				t.Errorf("%s: not JSON", format)
			}
		case "csv":
			lines, err := csv.NewReader(&b).ReadAll()
			if err != nil || len(lines) != 9 {
				t.Errorf("%d lines: %v", len(lines), err)
			}
			for _, l := range lines {
				for _, c := range l {
					if c != "" && strings.ContainsRune("=+-@", rune(c[0])) {
						t.Errorf("a formula: %q", c)
					}
				}
			}
		case "junit":
			for d := xml.NewDecoder(&b); ; {
				if _, err := d.Token(); err == io.EOF {
					break
				} else if err != nil {
					t.Errorf("junit: %v", err)
					break
				}
			}
		}
	}
}

// TestPagePolicy holds that the page for browsers forbids scripts and allows its own style only.
func TestPagePolicy(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, "html", report(), Options{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`default-src &#39;none&#39;; style-src &#39;sha256-`, "prefers-color-scheme: dark", `href="https://security.example/CVE-2024-0001"`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s is missing", want)
		}
	}
	for _, bad := range []string{"<script", "<link", "<img", "javascript:", "style="} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("%s is in it", bad)
		}
	}
}

func TestSARIFSchema(t *testing.T) {
	f, err := os.Open("testdata/sarif-2.1.0.schema.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(z)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	const url = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	if err := c.AddResource(url, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(url)
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*finding.Report{"full": report(), "evil": poisoned(t, evil), "empty": {}} {
		var b bytes.Buffer
		if err := Write(&b, "sarif", r, Options{}); err != nil {
			t.Fatal(err)
		}
		got, err := jsonschema.UnmarshalJSON(&b)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFixFirst(t *testing.T) {
	steps := fixFirst(report().Vulnerabilities, 5)
	if len(steps) != 1 || steps[0].To != "3.0.10" || steps[0].Exploited != 1 || steps[0].By[finding.Critical] != 1 || steps[0].By[finding.High] != 1 {
		t.Errorf("%+v", steps)
	}
}

// TestColours holds that colours are written for a terminal only.
func TestColours(t *testing.T) {
	for _, on := range []bool{true, false} {
		var b bytes.Buffer
		if err := Write(&b, "table", report(), Options{Color: on}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "\x1b[1;31mCRITICAL") != on {
			t.Errorf("colour %v: %q", on, b.String())
		}
	}
}

func TestBadTemplate(t *testing.T) {
	for _, text := range []string{"{{.Nothing}}", "{{", `{{env "HOME"}}`, `{{readFile "/etc/passwd"}}`} {
		if err := Write(io.Discard, "template", report(), Options{Template: text}); err == nil {
			t.Errorf("%s was filled", text)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add(evil)
	f.Fuzz(func(t *testing.T, s string) {
		if out := clean(s); strings.ContainsFunc(out, acts) || !utf8.ValidString(out) {
			t.Errorf("%q became %q", s, out)
		}
		if out := cell(s); out != "" && strings.ContainsRune("=+-@", rune(out[0])) {
			t.Errorf("%q became the formula %q", s, out)
		}
		for _, format := range []string{"table", "csv", "junit", "html", "sarif", "gitlab"} {
			if err := Write(io.Discard, format, poisoned(t, s), Options{Width: 80}); err != nil {
				t.Errorf("%s of %q: %v", format, s, err)
			}
		}
	})
}
