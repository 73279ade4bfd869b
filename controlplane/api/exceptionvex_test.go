package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/internal/finding"
	"github.com/limpet-security/limpet/scanner/match/suppress"
)

// TestStatements brings exceptions out as OpenVEX, and the statements in again.
func TestStatements(t *testing.T) {
	s := newSite(t)
	admin, dev := s.admin(), s.as("default", access.Developer)
	digest := "sha256:" + strings.Repeat("ab", 32)
	text := strings.NewReplacer("sha256:aa", digest, `"version":"1"}]`, `"version":"1","purl":"pkg:npm/lodash@1"}]`).Replace(vulnerableReport)
	var kept struct{ Artifact struct{ ID string } }
	admin.ok(200, "POST", prefix+"/scans", json.RawMessage(text)).into(t, &kept)
	report := prefix + "/artifacts/" + kept.Artifact.ID + "/report"
	approve := func(name string) {
		t.Helper()
		tag := dev.ok(200, "GET", prefix+"/exceptions/"+name, nil).header.Get("ETag")
		admin.ok(200, "POST", prefix+"/exceptions/"+name+"/decision", map[string]any{"decision": "approve"}, "If-Match", tag)
	}

	dev.ok(200, "POST", prefix+"/exceptions", map[string]any{"yaml": exceptionText("lodash", "GHSA-x", 30)})
	if a := admin.ok(200, "GET", report+"?format=sarif", nil); strings.Contains(string(a.body), "suppressions") {
		t.Errorf("what nobody approved is suppressed: %s", a.body)
	}
	approve("lodash")

	// The report as it was sent stays; what readers get has it set aside.
	var r finding.Report
	admin.ok(200, "GET", report, nil).into(t, &r)
	if len(r.Vulnerabilities) != 1 || len(r.Suppressed) != 0 {
		t.Errorf("%+v", r)
	}
	r = finding.Report{}
	admin.ok(200, "GET", report+"?accepted=true", nil).into(t, &r)
	if len(r.Vulnerabilities) != 0 || len(r.Suppressed) != 1 || r.Suppressed[0].By != finding.ByException || r.Suppressed[0].Reason != "not reached" || r.Suppressed[0].Owner != "shop" || r.Suppressed[0].Expires == "" {
		t.Errorf("%+v", r)
	}
	for format, want := range map[string]string{"sarif": `"justification": "exception: not reached"`, "html": "not reached", "openvex": `"not_affected"`} {
		if a := admin.ok(200, "GET", report+"?format="+format, nil); !strings.Contains(string(a.body), want) {
			t.Errorf("%s lacks %s: %s", format, want, a.body)
		}
	}

	// What is written is what limpet scan --vex reads.
	written := admin.ok(200, "GET", prefix+"/exception-statements", nil).body
	v, err := suppress.ParseVEX(written, "x")
	if err != nil || v.Statements != 1 {
		t.Fatalf("%v: %s", err, written)
	}
	found := finding.Report{}
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		t.Fatal(err)
	}
	if v.Apply(&found); len(found.Vulnerabilities) != 0 || !strings.Contains(found.Suppressed[0].Reason, "not reached") {
		t.Errorf("%+v", found)
	}

}

// TestStatementsIn asks for what a document says of images, once.
func TestStatementsIn(t *testing.T) {
	s := newSite(t)
	admin, dev, auditor := s.admin(), s.as("default", access.Developer), s.as("default", access.Auditor)
	digest := "sha256:" + strings.Repeat("ab", 32)
	admin.ok(200, "POST", prefix+"/assurance-policies", map[string]any{"yaml": strictAssurance})
	statement := func(status, product, part string) string {
		return fmt.Sprintf(`{"vulnerability": {"name": "CVE-2021-1"}, "status": %q, "justification": "vulnerable_code_not_in_execute_path", "impact_statement": "never called", "action_statement": "wait", "products": [{"@id": %q, "subcomponents": [{"@id": %q}]}]}`, status, product, part)
	}
	doc := `{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "urn:vendor:1", "author": "vendor", "timestamp": "2026-11-01T00:00:00Z", "version": 1, "statements": [` + strings.Join([]string{
		statement("not_affected", "pkg:oci/web@"+strings.Replace(digest, ":", "%3A", 1), "pkg:npm/lodash@1"),
		statement("not_affected", "pkg:oci/api?repository_url=registry.example.com/shop/api&tag=2", "pkg:npm/%40scope/x"),
		statement("not_affected", "pkg:npm/lodash@1", ""),
		statement("not_affected", "pkg:oci/web@"+strings.Replace(digest, ":", "%3A", 1), "pkg:npm/lodash@1"),
		statement("not_affected", "pkg:oci/web@sha256%3Aab", "pkg:npm/x"),
		statement("not_affected", "pkg:oci/web?repository_url=registry.example.com/**&tag=2", "pkg:npm/x"),
		statement("affected", "pkg:oci/web@"+strings.Replace(digest, ":", "%3A", 1), "pkg:npm/other@1"),
	}, ",") + `]}`
	query := url.Values{"owner": {"shop"}, "expires": {time.Now().AddDate(0, 0, 30).Format(time.DateOnly)}}
	all := prefix + "/exception-statements?" + query.Encode()
	auditor.ok(403, "POST", all, json.RawMessage(doc))
	dev.ok(422, "POST", all, json.RawMessage(`{"a": 1}`))
	query.Set("expires", "2020-01-01")
	dev.ok(422, "POST", prefix+"/exception-statements?"+query.Encode(), json.RawMessage(doc))
	query.Set("expires", time.Now().AddDate(0, 0, 30).Format(time.DateOnly))
	query.Set("owner", " ")
	dev.ok(422, "POST", prefix+"/exception-statements?"+query.Encode(), json.RawMessage(doc))
	var got statementsView
	dev.ok(200, "POST", all+"&dryRun=true", json.RawMessage(doc)).into(t, &got)
	dev.ok(200, "POST", all, json.RawMessage(doc)).into(t, &got)
	outcomes := func(v statementsView) string {
		var words []string
		for _, x := range v.Statements {
			words = append(words, x.Outcome+x.State)
		}
		return strings.Join(words, " ")
	}
	// What one statement lacks does not hold up the others.
	if o := outcomes(got); o != "requested requested skipped skipped skipped skipped" || got.Others != 1 || got.Format != "OpenVEX" ||
		!strings.Contains(got.Statements[3].Why, "statement 1 says the same") || !strings.Contains(got.Statements[4].Why, "spec.") || !strings.Contains(got.Statements[5].Why, "pattern") ||
		!slices.Equal(got.Statements[0].Packages, []string{"lodash"}) || got.Statements[0].Digest != digest || got.Statements[1].Image != "registry.example.com/shop/api:2" {
		t.Fatalf("%s: %+v", o, got)
	}
	if len(got.Requested) != 2 || len(got.Skipped) != 4 || len(got.Known) != 0 || !strings.Contains(got.Skipped[0].Why, "pkg:npm/lodash@1") {
		t.Fatalf("%+v", got)
	}
	again := got
	dev.ok(200, "POST", all, json.RawMessage(doc)).into(t, &again)
	if o := outcomes(again); len(again.Requested) != 0 || !slices.Equal(again.Known, got.Requested) || o != "knownrequested knownrequested skipped skipped skipped skipped" {
		t.Errorf("%+v", again)
	}

	judged := func() string {
		var v struct{ Result string }
		admin.ok(200, "POST", prefix+"/assurance-check?policy=strict", json.RawMessage(strings.Replace(vulnerableReport, "sha256:aa", digest, 1))).into(t, &v)
		return v.Result
	}
	if r := judged(); r != "fail" {
		t.Errorf("%s before anybody approved", r)
	}
	name := got.Requested[0]
	tag := dev.ok(200, "GET", prefix+"/exceptions/"+name, nil).header.Get("ETag")
	dev.ok(403, "POST", prefix+"/exceptions/"+name+"/decision", map[string]any{"decision": "approve"}, "If-Match", tag)
	admin.ok(200, "POST", prefix+"/exceptions/"+name+"/decision", map[string]any{"decision": "approve"}, "If-Match", tag)
	if r := judged(); r != "pass" {
		t.Errorf("%s after it was approved", r)
	}
	var v exceptionView
	dev.ok(200, "GET", prefix+"/exceptions/"+got.Requested[1], nil).into(t, &v)
	for _, want := range []string{"registry.example.com/shop/api:2", "@scope/x", "never called", "urn:vendor:1, statement"} {
		if !strings.Contains(v.YAML, want) {
			t.Errorf("the exception lacks %q:\n%s", want, v.YAML)
		}
	}
}
