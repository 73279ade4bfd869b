package sbom

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/openvex/go-vex/pkg/vex"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/match"
	"github.com/limpet-security/limpet/scanner/match/suppress"
)

func report() *finding.Report {
	at := func(path string) []finding.Place {
		return []finding.Place{{Path: path, Layer: "sha256:" + strings.Repeat("1", 64)}}
	}
	r := &finding.Report{
		Schema: 1, Scanner: "1.2.3",
		Artifact:  finding.Artifact{Kind: finding.KindImage, Name: "registry.test:5000/shop/web:1.4", Digest: "sha256:" + strings.Repeat("a", 64), Tags: []string{"registry.test:5000/shop/web:1.4"}, Platform: "linux/amd64"},
		Integrity: finding.Integrity{Verdict: finding.Complete},
		OS:        &finding.OS{ID: "debian", Version: "12", Name: "Debian GNU/Linux 12"},
		Database:  &finding.Database{Digest: "sha256:x", Built: time.Date(2026, 11, 1, 2, 3, 4, 0, time.UTC), Schema: 1},
		Packages: []finding.Package{
			{ID: "d1", Type: finding.Deb, Name: "libssl3", Version: "3.0.11-1~deb12u2", Arch: "amd64", PURL: "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl", SourceName: "openssl", SourceVersion: "3.0.11-1~deb12u2", Places: at("/var/lib/dpkg/status"), Evidence: "dpkg status", Licences: []string{"Apache-2.0"}},
			{ID: "p1", Type: finding.PyPI, Name: "requests", Version: "2.28.1", PURL: "pkg:pypi/requests@2.28.1", OwnedBy: "d1", Places: at("/usr/lib/python3/dist-packages/requests"), Evidence: "METADATA", Licences: []string{"apache 2", "MIT"}},
			{ID: "r1", Type: finding.RPM, Name: "nodejs", Version: "1:16.20.0-1.module+el8", PURL: "pkg:rpm/rhel/nodejs@16.20.0-1.module%2Bel8?epoch=1", Module: "nodejs:16:1:x", Places: at("/var/lib/rpm/Packages"), Evidence: "rpm"},
			{ID: "m1", Type: finding.Maven, Name: "org.x:y", Version: "1.0", PURL: "pkg:maven/org.x/y@1.0", Places: []finding.Place{{Path: "/app.jar", Inside: "BOOT-INF/lib/y.jar"}}, Evidence: "pom.properties"},
		},
		Vulnerabilities: []finding.Vulnerability{{
			ID: "CVE-2024-0001", Aliases: []string{"DSA-1"}, Package: "d1", Name: "libssl3", Version: "3.0.11-1~deb12u2", Type: finding.Deb, Severity: finding.High, SeveritySource: "debian",
			CVSS: []finding.CVSS{{Source: "nvd", Version: "3.1", Vector: "CVSS:3.1/AV:N", Score: 9.8}}, FixState: finding.Fixed, FixedVersion: "3.0.13-1", Published: "2024-01-02T03:04:05Z", Modified: "yesterday", CWEs: []string{"CWE-79", "none"},
			Title: "a title", Why: finding.Why{Advisory: "DSA-1", Source: "debian-tracker", Ecosystem: "Debian:12", Compared: "a < b"},
		}},
		Suppressed: []finding.Suppressed{
			{ID: "CVE-2023-2", Package: "d1", By: match.ByVendor, Reason: "not built"},
			{ID: "CVE-2023-3", Package: "p1", By: match.ByOwner, Reason: "debian speaks"},
			{ID: "CVE-2023-4", Package: "m1", By: suppress.ByIgnoreFile, Reason: "not reachable"},
		},
	}
	r.Sort()
	return r
}

func write(t *testing.T, f func(io.Writer, *finding.Report) error) []byte {
	t.Helper()
	var a, b bytes.Buffer
	for _, w := range []*bytes.Buffer{&a, &b} {
		if err := f(w, report()); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("written twice, it differs")
	}
	return a.Bytes()
}

// TestRoundTrip holds that what we write can be matched as what was scanned.
func TestRoundTrip(t *testing.T) {
	for name, f := range map[string]func(io.Writer, *finding.Report) error{"cyclonedx": CycloneDX, "spdx": SPDX} {
		got, err := Read(write(t, f), "x")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := report()
		if got.Integrity.Verdict != finding.Complete || got.Artifact.Kind != finding.KindSBOM || got.Artifact.Digest != want.Artifact.Digest || got.OS == nil || got.OS.ID != "debian" || got.OS.Version != "12" {
			t.Errorf("%s: %+v %+v", name, got, got.OS)
		}
		owner := ""
		for _, p := range got.Packages {
			if p.Name == "libssl3" {
				owner = p.ID
			}
		}
		for _, p := range got.Packages {
			if p.Name == "requests" && (owner == "" || p.OwnedBy != owner) {
				t.Errorf("%s: the owner is lost: %q %q", name, p.OwnedBy, owner)
			}
		}
		ignore := cmpopts.IgnoreFields(finding.Package{}, "ID", "OwnedBy", "Licences")
		if d := cmp.Diff(want.Packages, got.Packages, ignore); d != "" {
			t.Errorf("%s: packages (-want +got)\n%s", name, d)
		}
	}
}

// schema compiles compressed schema files; the first is the one.
func schema(t *testing.T, files map[string]string, top string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	for url, file := range files {
		f, err := os.Open(file)
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
		if err := c.AddResource(url, doc); err != nil {
			t.Fatal(err)
		}
	}
	s, err := c.Compile(top)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCycloneDXSchema(t *testing.T) {
	s := schema(t, map[string]string{
		"http://cyclonedx.org/schema/bom-1.6.schema.json":  "testdata/bom-1.6.schema.json.gz",
		"http://cyclonedx.org/schema/spdx.schema.json":     "testdata/spdx.schema.json.gz",
		"http://cyclonedx.org/schema/jsf-0.82.schema.json": "testdata/jsf-0.82.schema.json.gz",
	}, "http://cyclonedx.org/schema/bom-1.6.schema.json")
	for name, r := range map[string]*finding.Report{"full": report(), "empty": {Artifact: finding.Artifact{Kind: finding.KindRootfs, Name: "/x"}}} {
		var b bytes.Buffer
		if err := CycloneDX(&b, r); err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(&b)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenVEX(t *testing.T) {
	data := write(t, OpenVEX)
	doc, err := vex.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range doc.Statements {
		if err := s.Validate(); err != nil {
			t.Error(err)
		}
		got = append(got, string(s.Vulnerability.Name)+" "+string(s.Status))
	}
	if d := cmp.Diff([]string{"CVE-2024-0001 affected", "CVE-2023-2 not_affected", "CVE-2023-4 affected"}, got); d != "" {
		t.Error(d)
	}
	// What was written suppresses what it says, in the image it says it of.
	v, err := suppress.ParseVEX(data, "ours")
	if err != nil {
		t.Fatal(err)
	}
	r := report()
	r.Vulnerabilities = append(r.Vulnerabilities, finding.Vulnerability{ID: "CVE-2023-2", Package: "d1"})
	if v.Apply(r); len(r.Vulnerabilities) != 1 || r.Vulnerabilities[0].ID != "CVE-2024-0001" {
		t.Errorf("left: %+v", r.Vulnerabilities)
	}
}

func TestForeignDocuments(t *testing.T) {
	doc := `{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,"components":[
 {"type":"library","name":"bash","version":"5.1.8-6.el9","purl":"pkg:rpm/redhat/bash@5.1.8-6.el9?arch=x86_64&distro=rhel-9.3&upstream=bash-5.1.8-6.el9.src.rpm"},
 {"type":"library","name":"busybox","purl":"pkg:apk/alpine/busybox@1.36.1-r0?distro=alpine-3.18.4"},
 {"type":"library","name":"x","purl":"pkg:rpm/redhat/x@1-1?distro=rhel-9.3"},
 {"type":"library","name":"nothing"}, {"type":"file","name":"/etc/passwd"},
 {"type":"library","name":"@a/b","purl":"pkg:npm/%40a/b@1.0.0","components":[{"type":"library","name":"inner","purl":"pkg:swift/github.com/x/inner@1"}]}]}`
	r, err := Read([]byte(doc), "x")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range r.Packages {
		got = append(got, strings.Join([]string{string(p.Type), p.Name, p.Version, p.SourceName}, " "))
	}
	want := []string{"apk busybox 1.36.1-r0 ", "npm @a/b 1.0.0 ", "rpm bash 5.1.8-6.el9 bash", "rpm x 1-1 ", "swift github.com/x/inner 1 ", "unnamed nothing  "}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if r.OS == nil || r.OS.ID != "rhel" || r.OS.Version != "9.3" {
		t.Errorf("%+v", r.OS)
	}
	for _, bad := range []string{"", "{}", "[]", `{"spdxVersion":"SPDX-3.0"}`, `{"bomFormat":"CycloneDX","components":{}}`} {
		if _, err := Read([]byte(bad), "x"); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	if r, err := Read([]byte(`{"bomFormat":"CycloneDX","specVersion":"1.6"}`), "x"); err != nil || r.Integrity.Verdict != finding.Partial {
		t.Errorf("an empty document is %v, %v", r, err)
	}
}

func FuzzRead(f *testing.F) {
	for _, w := range []func(io.Writer, *finding.Report) error{CycloneDX, SPDX} {
		var b bytes.Buffer
		if err := w(&b, report()); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Add([]byte(`{"spdxVersion":"SPDX-2.3","packages":[null,{"name":"x","externalRefs":[null]}],"relationships":[{}]}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if r, err := Read(data, "x"); err == nil {
			_ = CycloneDX(io.Discard, r)
			_ = SPDX(io.Discard, r)
			_ = OpenVEX(io.Discard, r)
		}
	})
}
