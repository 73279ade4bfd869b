package suppress

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/finding"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func report() *finding.Report {
	place := func(p string) []finding.Place { return []finding.Place{{Path: p}} }
	return &finding.Report{
		Artifact: finding.Artifact{Kind: finding.KindImage, Name: "shop/web:1.4", Digest: "sha256:" + strings.Repeat("a", 64)},
		Packages: []finding.Package{
			{ID: "w", Type: finding.Go, Name: "github.com/harvester/webhook", Version: "v1.0.0", PURL: "pkg:golang/github.com/harvester/webhook@v1.0.0", Places: place("/bin/webhook")},
			{ID: "c", Type: finding.Go, Name: "golang.org/x/crypto", Version: "v0.0.0-20220214200702-86341886e292", PURL: "pkg:golang/golang.org/x/crypto@v0.0.0-20220214200702-86341886e292", Places: place("/bin/webhook")},
			{ID: "o", Type: finding.Go, Name: "golang.org/x/crypto", Version: "v0.0.0-20220214200702-86341886e292", PURL: "pkg:golang/golang.org/x/crypto@v0.0.0-20220214200702-86341886e292", Places: place("/bin/other")},
			{ID: "l", Type: finding.NPM, Name: "lodash", Version: "4.17.20", PURL: "pkg:npm/lodash@4.17.20", Places: place("/app/node_modules/lodash/package.json")},
		},
		Vulnerabilities: []finding.Vulnerability{
			{ID: "CVE-2022-27191", Aliases: []string{"GO-2021-0356"}, Package: "c", Name: "golang.org/x/crypto", Place: place("/bin/webhook")[0]},
			{ID: "CVE-2022-27191", Aliases: []string{"GO-2021-0356"}, Package: "o", Name: "golang.org/x/crypto", Place: place("/bin/other")[0]},
			{ID: "CVE-2021-23337", Package: "l", Name: "lodash", Place: place("/app/node_modules/lodash/package.json")[0]},
		},
		Secrets:           []finding.Secret{{Rule: "aws-key", Place: finding.Place{Path: "/app/test/key"}}, {Rule: "aws-key", Place: finding.Place{Path: "/app/key"}}},
		Misconfigurations: []finding.Misconfiguration{{ID: "LMP-1"}},
		Malware:           []finding.Malware{{Rule: "eicar", Place: finding.Place{Path: "/eicar"}}},
		Licences:          []finding.Licence{{Name: "GPL-3.0-only", Package: "l"}},
	}
}

func left(r *finding.Report) (all []string) {
	for _, v := range r.Vulnerabilities {
		all = append(all, v.ID+" "+v.Place.Path)
	}
	return all
}

func TestIgnores(t *testing.T) {
	f, err := ParseIgnores([]byte(`ignore:
  - {id: "CVE-2022-*", path: /bin/other, reason: not called, owner: ops, expires: 2026-11-22}
  - {purl: "pkg:npm/*", reason: build time only}
  - {id: aws-key, path: /app/test/**, reason: an example}
  - {id: LMP-1, reason: r}
  - {id: eicar, reason: r}
  - {id: "CVE-2022-27191", reason: old, expires: 2026-11-21}
  - {id: CVE-1999-0001, reason: gone}
`), "ignore.yaml")
	if err != nil {
		t.Fatal(err)
	}
	r := report()
	warnings := f.Apply(r, now)
	if d := cmp.Diff([]string{"CVE-2022-27191 /bin/webhook"}, left(r)); d != "" {
		t.Error(d)
	}
	if len(r.Secrets) != 1 || r.Secrets[0].Place.Path != "/app/key" || len(r.Misconfigurations)+len(r.Malware)+len(r.Licences) != 0 || len(r.Suppressed) != 6 {
		t.Errorf("left: %+v", r)
	}
	if s := r.Suppressed[0]; s.By != ByIgnoreFile || s.Owner != "ops" || s.Reason != "not called" || s.Expires != "2026-11-22" {
		t.Errorf("%+v", s)
	}
	want := []string{
		`ignore.yaml, line 7: the rule for "CVE-2022-27191" expired on 2026-11-21 and is not applied`,
		`ignore.yaml, line 8: the rule for "CVE-1999-0001" matched nothing`,
	}
	if d := cmp.Diff(want, warnings); d != "" {
		t.Error(d)
	}
}

func TestPlainIgnores(t *testing.T) {
	f, err := ParseIgnores([]byte("# ours\nCVE-2021-23337 exp:2027-01-01 # build only\n\nGO-2021-0356\n"), ".trivyignore")
	if err != nil {
		t.Fatal(err)
	}
	r := report()
	if w := f.Apply(r, now); len(w) != 0 || len(left(r)) != 0 || r.Suppressed[2].Reason != "build only" {
		t.Errorf("%v %v %+v", w, left(r), r.Suppressed)
	}
}

func TestBadIgnores(t *testing.T) {
	for text, want := range map[string]string{
		"ignore: [{reason: all}]":                          "ignore everything",
		"ignore: [{id: x}]":                                "a reason is missing",
		"ignore: [{id: x, reason: r, expire: 2026-01-01}]": `no key "expire"`,
		"ignore: [{id: x, reason: r, expires: soon}]":      "is not a day",
		"ignore: [{id: '[', reason: r}]":                   "line 1",
		"ignored: []":                                      "ignored",
		"ignore: [5]":                                      "want id, path or purl",
		"ignore:\n" + strings.Repeat(" - {id: x, reason: r}\n", MaxIgnores+1): "at most",
	} {
		if _, err := ParseIgnores([]byte(text), "x.yaml"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
}

// TestOpenVEX reads a real document: what it says of the part holds within the whole only.
func TestOpenVEX(t *testing.T) {
	v := read(t, "testdata/harvester-webhook.openvex.json")
	r := report()
	v.Apply(r)
	if d := cmp.Diff([]string{"CVE-2022-27191 /bin/other", "CVE-2021-23337 /app/node_modules/lodash/package.json"}, left(r)); d != "" {
		t.Error(d)
	}
	if s := r.Suppressed[0]; s.By != ByVEX || !strings.Contains(s.Reason, "vulnerable_code_not_present; Govulncheck determined") || !strings.Contains(s.Reason, "statement") {
		t.Errorf("%+v", s)
	}
}

func read(t *testing.T, name string) *VEX {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	v, err := ParseVEX(data, name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const (
	lodashCSAF = `{"document":{"csaf_version":"2.0","tracking":{"id":"ACME-1"}},"product_tree":{
 "branches":[{"branches":[{"product":{"product_id":"L","product_identification_helper":{"purl":"pkg:npm/lodash@4.17.20"}}},
  {"product":{"product_id":"I","product_identification_helper":{"purl":"pkg:oci/web?repository_url=IMAGE"}}}]}],
 "relationships":[{"category":"default_component_of","product_reference":"L","relates_to_product_reference":"I","full_product_name":{"product_id":"I:L"}}]},
 "vulnerabilities":[{"cve":"CVE-2021-23337","product_status":{"STATUS":["I:L"]},"flags":[{"label":"vulnerable_code_not_in_execute_path","product_ids":["I:L"]}]}]}`
	lodashCDX = `{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,"components":[{"bom-ref":"x","type":"library","name":"lodash","purl":"PURL"}],
 "vulnerabilities":[{"id":"CVE-2021-23337","analysis":{"state":"STATUS","justification":"code_not_reachable","detail":"only template() is"},"affects":[{"ref":"REF"}]}]}`
)

func TestCSAFAndCycloneDX(t *testing.T) {
	fill := func(text string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(text) }
	for _, c := range []struct {
		name, doc string
		aside     bool
	}{
		{"csaf, this image", fill(lodashCSAF, "IMAGE", "shop/web", "STATUS", "known_not_affected"), true},
		{"csaf, fixed", fill(lodashCSAF, "IMAGE", "index.docker.io%2Fshop%2Fweb", "STATUS", "fixed"), true},
		{"csaf, another image", fill(lodashCSAF, "IMAGE", "shop/other", "STATUS", "known_not_affected"), false},
		{"csaf, affected", fill(lodashCSAF, "IMAGE", "shop/web", "STATUS", "known_affected"), false},
		{"cyclonedx by reference", fill(lodashCDX, "PURL", "pkg:npm/lodash@4.17.20", "STATUS", "not_affected", "REF", "x"), true},
		{"cyclonedx by link", fill(lodashCDX, "PURL", "pkg:npm/lodash", "STATUS", "false_positive", "REF", "urn:cdx:f08a6ccd-4dce-4759-bd84-c626675d60a7/1#x"), true},
		{"cyclonedx, another version", fill(lodashCDX, "PURL", "pkg:npm/lodash@4.17.21", "STATUS", "not_affected", "REF", "x"), false},
		{"cyclonedx, exploitable", fill(lodashCDX, "PURL", "pkg:npm/lodash@4.17.20", "STATUS", "exploitable", "REF", "x"), false},
	} {
		v, err := ParseVEX([]byte(c.doc), "v.json")
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		r := report()
		v.Apply(r)
		if got := !slices.ContainsFunc(r.Vulnerabilities, func(v finding.Vulnerability) bool { return v.ID == "CVE-2021-23337" }); got != c.aside {
			t.Errorf("%s: set aside %v: %+v", c.name, got, r.Suppressed)
		}
	}
}

// TestLastStatementCounts holds that a later word takes an earlier one back.
func TestLastStatementCounts(t *testing.T) {
	doc := `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"x","author":"a","timestamp":"2024-01-01T00:00:00Z","version":1,"statements":[
 {"vulnerability":{"name":"CVE-2021-23337"},"timestamp":"2024-03-01T00:00:00Z","products":[{"@id":"pkg:npm/lodash"}],"status":"affected","action_statement":"x"},
 {"vulnerability":{"name":"CVE-2021-23337"},"timestamp":"2024-02-01T00:00:00Z","products":[{"@id":"pkg:npm/lodash"}],"status":"not_affected"}]}`
	v, err := ParseVEX([]byte(doc), "v.json")
	if err != nil {
		t.Fatal(err)
	}
	r := report()
	if v.Apply(r); len(r.Suppressed) != 0 {
		t.Errorf("%+v", r.Suppressed)
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"testdata/harvester-webhook.openvex.json"} {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(lodashCSAF))
	f.Add([]byte(lodashCDX))
	f.Add([]byte("ignore:\n - {id: '*', reason: r}\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if v, err := ParseVEX(data, "v"); err == nil {
			v.Apply(report())
		}
		for _, name := range []string{"x.yaml", "x"} {
			if i, err := ParseIgnores(data, name); err == nil {
				i.Apply(report(), now)
			}
		}
	})
}
