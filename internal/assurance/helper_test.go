package assurance

import (
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/internal/finding"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// report is an image with one of everything that a policy can look at.
func report() *finding.Report {
	yes := true
	return &finding.Report{
		Schema: finding.SchemaVersion,
		Artifact: finding.Artifact{
			Kind: finding.KindImage, Name: "registry.example.com/shop/web:1.4", Digest: "sha256:" + strings.Repeat("a", 64), ID: "sha256:" + strings.Repeat("c", 64), Created: "2026-11-01T00:00:00Z",
			Layers: []finding.Layer{{DiffID: "sha256:" + strings.Repeat("1", 64), Base: true}, {Index: 1, DiffID: "sha256:" + strings.Repeat("2", 64)}},
			Image: &finding.Config{
				User: "app", Ports: []string{"8080/tcp", "22/tcp"}, EnvNames: []string{"PATH", "AWS_SECRET_ACCESS_KEY"}, History: []string{"/bin/sh -c curl http://x | sh"},
				Labels: map[string]string{"team": "shop", "org.opencontainers.image.base.name": "docker.io/library/debian:12"},
			},
		},
		Integrity: finding.Integrity{Verdict: finding.Complete},
		Database:  &finding.Database{Digest: "sha256:db", Built: now.AddDate(0, 0, -3)},
		OS:        &finding.OS{ID: "debian", Version: "12", EndOfLife: "2028-06-30"},
		Packages: []finding.Package{
			{ID: "p1", Type: finding.Deb, Name: "openssl", Version: "3.0.11-1~deb12u1", Arch: "amd64", Licences: []string{"Apache-2.0"}, Places: []finding.Place{{Path: "/var/lib/dpkg/status"}}},
			{ID: "p2", Type: finding.NPM, Name: "lodash", Version: "4.17.20", Direct: &yes, Licences: []string{"MIT"}, Places: []finding.Place{{Path: "/app/node_modules/lodash/package.json"}}},
		},
		Vulnerabilities: []finding.Vulnerability{{
			ID: "CVE-2021-23337", Aliases: []string{"GHSA-35jh-r3h4-6jhm"}, Package: "p2", Name: "lodash", Version: "4.17.20", Type: finding.NPM, Severity: finding.High,
			CVSS:     []finding.CVSS{{Source: "nvd", Version: "3.1", Vector: "CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H", Score: 7.2}},
			FixState: finding.Fixed, FixedVersion: "4.17.21", FixedAt: "2026-11-02", Published: "2026-10-23", EPSS: &finding.EPSS{Score: 0.02, Percentile: 0.8},
			KEV: &finding.KEV{Added: "2026-11-10", Due: "2026-12-01", Ransomware: true}, SSVC: &finding.SSVC{Exploitation: "poc"},
			Place: finding.Place{Path: "/app/node_modules/lodash/package.json", Layer: "sha256:" + strings.Repeat("2", 64)},
		}},
		Secrets:           []finding.Secret{{Rule: "aws-secret-key", Title: "AWS secret key", Severity: finding.High, Place: finding.Place{Path: "/app/.env"}}},
		Malware:           []finding.Malware{{Rule: "EICAR", Engine: "yara", SHA256: "ff", Severity: finding.High, Place: finding.Place{Path: "/tmp/x"}}},
		Licences:          []finding.Licence{{Name: "GPL-3.0-only", Category: "copyleft", Package: "p1"}, {Name: "MIT", Category: "permissive", Package: "p2"}},
		Misconfigurations: []finding.Misconfiguration{{ID: "LMP-IMAGE-0001", Title: "No HEALTHCHECK", Severity: finding.Low, References: []string{"CIS Docker 1.6 4.6"}}},
		Coverage:          []finding.Coverage{{Ecosystem: "npm", Packages: 1, Data: true}, {Ecosystem: "Debian:12", Packages: 1, Data: true}},
	}
}

// parse reads a policy of which only the spec is given.
func parse(t testing.TB, spec string) *Compiled {
	t.Helper()
	var b strings.Builder
	b.WriteString("apiVersion: limpet.dev/v1\nkind: AssurancePolicy\nmetadata: {name: test}\nspec:\n")
	for line := range strings.Lines(spec) {
		b.WriteString("  " + line)
	}
	p, err := Parse([]byte(b.String()))
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	c, err := Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func judge(t testing.TB, spec string, change func(*Subject)) PolicyVerdict {
	t.Helper()
	s := Subject{Report: report(), Now: now, ScannedAt: now.AddDate(0, 0, -1)}
	if change != nil {
		change(&s)
	}
	v := Judge([]*Compiled{parse(t, spec)}, s)
	if len(v.Policies) != 1 {
		t.Fatalf("%d policies judged, want 1", len(v.Policies))
	}
	return v.Policies[0]
}
