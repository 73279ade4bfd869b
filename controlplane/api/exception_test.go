package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/internal/assurance"
)

// exceptionText is a request for one vulnerability that ends in so many days.
func exceptionText(name, id string, days int) string {
	return fmt.Sprintf("apiVersion: limpet.dev/v1\nkind: Exception\nmetadata: {name: %s}\nspec:\n  ids: [%s]\n  owner: shop\n  reason: not reached\n  reasonClass: notRelevant\n  expires: %s\n",
		name, id, time.Now().AddDate(0, 0, days).UTC().Format(time.RFC3339))
}

const vulnerableReport = `{"schema":1,"artifact":{"kind":"image","name":"registry.example.com/shop/web:1","digest":"sha256:aa","image":{"user":"app"}},"integrity":{"verdict":"complete"},
"database":{"digest":"d","built":"2026-11-20T00:00:00Z","schema":1},"packages":[{"id":"p","type":"npm","name":"lodash","version":"1"}],
"vulnerabilities":[{"id":"CVE-2021-1","aliases":["GHSA-x"],"package":"p","name":"lodash","version":"1","type":"npm","severity":"critical","place":{"path":"/app/x"},"why":{}}]}`

const strictAssurance = "apiVersion: limpet.dev/v1\nkind: AssurancePolicy\nmetadata: {name: strict}\nspec: {controls: {vulnerabilities: {mode: block, rules: [{atLeast: critical}]}}}\n"

// TestExceptions walks the way of an exception: asked for, not approved by who
// asked, approved, in force everywhere, changed, renewed, revoked, gone.
func TestExceptions(t *testing.T) {
	s := newSite(t)
	admin := s.admin()
	dev, sec, auditor := s.as("default", access.Developer), s.as("default", access.Security), s.as("default", access.Auditor)
	admin.ok(200, "POST", prefix+"/assurance-policies", map[string]any{"yaml": strictAssurance})
	all := prefix + "/exceptions"
	one, decision := all+"/lodash", all+"/lodash/decision"
	verdict := func() (v assurance.Verdict) {
		t.Helper()
		admin.ok(200, "POST", prefix+"/assurance-check?policy=strict", json.RawMessage(vulnerableReport)).into(t, &v)
		return v
	}
	holds := func(want bool) {
		t.Helper()
		v := verdict()
		p := v.Policies[0]
		if got := v.Result == assurance.Pass && len(p.Excepted) == 1 && p.Excepted[0].Exception == "lodash" && p.Excepted[0].Standing && p.Excepted[0].Owner == "shop"; got != want {
			t.Errorf("the exception holds: %v, want %v: %+v", got, want, v)
		}
	}
	decide := func(c *client, status int, tag, what, comment string) answer {
		t.Helper()
		return c.ok(status, "POST", decision, map[string]any{"decision": what, "comment": comment}, "If-Match", tag)
	}

	auditor.ok(403, "POST", all, map[string]any{"yaml": exceptionText("lodash", "GHSA-x", 30)})
	if a := dev.ok(422, "POST", all, map[string]any{"yaml": exceptionText("lodash", "GHSA-x", 800)}); !strings.Contains(string(a.body), "at most 365 days") || !strings.Contains(string(a.body), `"line":9`) {
		t.Errorf("%s", a.body)
	}
	dev.ok(422, "POST", all, map[string]any{"yaml": exceptionText("lodash", "GHSA-x", -1)})
	dev.ok(200, "POST", all+"?dryRun=true", map[string]any{"yaml": exceptionText("lodash", "GHSA-x", 30)})
	dev.ok(404, "GET", one, nil)
	tag := dev.ok(200, "POST", all, map[string]any{"yaml": exceptionText("lodash", "GHSA-x", 30)}).header.Get("ETag")
	dev.ok(409, "POST", all, map[string]any{"yaml": exceptionText("lodash", "GHSA-x", 30)})
	holds(false)

	// Who may not decide, and who may not decide on this one.
	decide(dev, 403, tag, "approve", "")
	decide(auditor, 403, tag, "approve", "")
	sec.ok(428, "POST", decision, map[string]any{"decision": "approve"})
	decide(sec, 412, `"7"`, "approve", "")
	decide(sec, 422, tag, "refuse", " ")
	decide(sec, 409, tag, "revoke", "never approved")
	tag = decide(sec, 200, tag, "approve", "agreed").header.Get("ETag")
	holds(true)
	var v exceptionView
	auditor.ok(200, "GET", one, nil).into(t, &v)
	if v.State != "approved" || v.RequestedBy != "token:developer" || v.DecidedBy != "token:security" || v.Comment != "agreed" || v.Own {
		t.Errorf("%+v", v)
	}
	dev.ok(403, "DELETE", one, nil) // it holds
	decide(sec, 409, tag, "approve", "")

	// The same text changes nothing; another needs approval again.
	var list list[exceptionView]
	dev.ok(200, "GET", all+"?state=approved", nil).into(t, &list)
	if len(list.Items) != 1 {
		t.Fatalf("%+v", list)
	}
	if e := dev.ok(200, "PUT", one, map[string]any{"yaml": list.Items[0].YAML}, "If-Match", tag).header.Get("ETag"); e != tag {
		t.Errorf("the same exception made version %s", e)
	}
	holds(true)
	tag = sec.ok(200, "PUT", one, map[string]any{"yaml": exceptionText("lodash", "CVE-2021-*", 60)}, "If-Match", tag).header.Get("ETag")
	holds(false)
	decide(sec, 403, tag, "approve", "") // security asked this time
	tag = decide(admin, 200, tag, "approve", "").header.Get("ETag")
	holds(true)
	tag = decide(sec, 200, tag, "revoke", "fixed by now").header.Get("ETag")
	holds(false)
	tag = dev.ok(200, "PUT", one, map[string]any{"yaml": exceptionText("lodash", "CVE-2021-1", 5)}, "If-Match", tag).header.Get("ETag")
	decide(sec, 200, tag, "approve", "")
	var sum exceptionSummary
	dev.ok(200, "GET", prefix+"/exception-summary", nil).into(t, &sum)
	if sum.Approved != 1 || sum.Expiring != 1 || sum.Requested != 0 || sum.MostDays != 365 {
		t.Errorf("%+v", sum)
	}
	for state, n := range map[string]int{"approved": 1, "expiring": 1, "expired": 0, "requested": 0, "revoked": 0} {
		dev.ok(200, "GET", all+"?state="+state+"&query=cve-2021", nil).into(t, &list)
		if len(list.Items) != n {
			t.Errorf("%s: %+v", state, list.Items)
		}
	}
	admin.ok(204, "DELETE", one, nil)
	holds(false)
	// Everything is in the audit record, with who did it.
	body := string(admin.ok(200, "GET", prefix+"/audit?objectKind=exception", nil).body)
	for _, want := range []string{`"request"`, `"approve"`, `"revoke"`, `"delete"`, "token:security"} {
		if !strings.Contains(body, want) {
			t.Errorf("the audit record lacks %s", want)
		}
	}
}

// TestOwnTokenDoesNotApprove: a person cannot approve the own request through
// a token, nor through a token that such a token made.
func TestOwnTokenDoesNotApprove(t *testing.T) {
	s := newSite(t)
	admin := s.admin()
	token := func(by *client, name string) *client {
		var made struct{ Token string }
		by.ok(200, "POST", prefix+"/tokens", map[string]any{"name": name, "roles": []string{access.Administrator}}).into(t, &made)
		c := s.client()
		c.token = made.Token
		return c
	}
	first := token(admin, "first")
	second := token(first, "second")
	tag := admin.ok(200, "POST", prefix+"/exceptions", map[string]any{"yaml": exceptionText("x", "CVE-1", 3)}).header.Get("ETag")
	for _, c := range []*client{admin, first, second} {
		c.ok(403, "POST", prefix+"/exceptions/x/decision", map[string]any{"decision": "approve"}, "If-Match", tag)
		var v exceptionView
		if c.ok(200, "GET", prefix+"/exceptions/x", nil).into(t, &v); !v.Own {
			t.Error("it is not shown as their own")
		}
	}
	s.as("default", access.Security).ok(200, "POST", prefix+"/exceptions/x/decision", map[string]any{"decision": "approve"}, "If-Match", tag)
}

// TestSimulateAssurance: what the simulation says is what judging says.
func TestSimulateAssurance(t *testing.T) {
	s := newSite(t)
	c := s.admin()
	kept := scannedView{}
	c.ok(200, "POST", prefix+"/scans?source=worker", json.RawMessage(vulnerableReport)).into(t, &kept)
	s.enforcer("e1", "sha256:aa")
	s.enforcer("e2", "sha256:unknown")
	var out assuranceSimulation
	sim := func(yaml string) {
		t.Helper()
		out = assuranceSimulation{}
		c.ok(200, "POST", prefix+"/assurance-policies/simulate", map[string]any{"yaml": yaml}).into(t, &out)
	}
	sim(strictAssurance)
	if len(out.Changes) != 1 || out.Changes[0].After != "fail" || out.Changes[0].Running != 1 || out.Changes[0].Workloads[0].EnforcerID != "e1" || out.Judged != 1 || *out.Total != 1 {
		t.Errorf("%+v", out)
	}
	if len(out.Unscanned) != 1 || out.Unscanned[0].Digest != "sha256:unknown" || len(out.Controls) != 1 || out.Controls[0] != (simulatedControl{"vulnerabilities", 0, 1, 1}) {
		t.Errorf("%+v", out)
	}
	c.ok(200, "POST", prefix+"/assurance-policies", map[string]any{"yaml": strictAssurance, "note": "as agreed"})
	if sim(strictAssurance); len(out.Changes) != 0 {
		t.Errorf("the same policy changes something: %+v", out)
	}
	if sim(strings.Replace(strictAssurance, "spec: {", "spec: {scope: {images: ['docker.io/**']}, ", 1)); len(out.Changes) != 1 || out.Changes[0].Before != "fail" || out.Changes[0].Gone[0].Control != "vulnerabilities" {
		t.Errorf("%+v", out)
	}
	if sim(strings.Replace(strictAssurance, "{name: strict}", "{name: other}\n", 1)); len(out.Changes) != 0 || out.Controls[0].New != 1 {
		t.Errorf("an image that fails already does not change: %+v", out)
	}
	c.ok(422, "POST", prefix+"/assurance-policies/simulate", map[string]any{"yaml": "kind: x"})

	// Tests of the draft, with the report that is kept.
	suite := "apiVersion: limpet.dev/v1\nkind: AssuranceTest\nmetadata: {name: strict}\npolicies: [strict.yaml]\ntests:\n  - {name: as it is, report: 'registry.example.com/shop/web:1', result: fail, violated: [vulnerabilities]}\n  - {name: wrong, report: " + kept.Artifact.ID + ", result: pass}\n"
	var ran testedPolicy
	c.ok(200, "POST", prefix+"/assurance-policies/test", map[string]any{"yaml": strictAssurance, "tests": suite}).into(t, &ran)
	if len(ran.Tests) != 2 || len(ran.Tests[0].Problems) != 0 || len(ran.Tests[1].Problems) != 1 {
		t.Errorf("%+v", ran)
	}
	c.ok(422, "POST", prefix+"/assurance-policies/test", map[string]any{"yaml": strictAssurance, "tests": "tests: []"})
	c.ok(404, "POST", prefix+"/assurance-policies/test", map[string]any{"yaml": strictAssurance, "tests": strings.ReplaceAll(suite, "registry.example.com/shop/web:1", "none")})

	// Revisions with their notes.
	tag := c.ok(200, "GET", prefix+"/assurance-policies/strict", nil).header.Get("ETag")
	c.ok(200, "PUT", prefix+"/assurance-policies/strict", map[string]any{"yaml": strings.Replace(strictAssurance, "block", "warn", 1), "note": "too strict"}, "If-Match", tag)
	var revs list[revisionView]
	c.ok(200, "GET", prefix+"/assurance-policies/strict/revisions", nil).into(t, &revs)
	if len(revs.Items) != 2 || revs.Items[0].Note != "too strict" || revs.Items[1].Note != "as agreed" || revs.Items[0].Revision != 2 {
		t.Errorf("%+v", revs)
	}
	// What forms are made from.
	if b := string(c.ok(200, "GET", prefix+"/assurance-controls", nil).body); !strings.Contains(b, `"vocabulary"`) || !strings.Contains(b, `"id":"custom"`) {
		t.Error(b[:200])
	}
	var check validateView
	c.ok(200, "POST", prefix+"/assurance-policies/validate", map[string]any{"yaml": strings.Replace(strictAssurance, "atLeast: critical", "when: 'v.score >'", 1)}).into(t, &check)
	if check.Valid || check.Errors[0].Path != "spec.controls.vulnerabilities.rules[0].when" || check.Errors[0].Line != 4 {
		t.Errorf("%+v", check)
	}
	c.ok(200, "GET", prefix+"/artifacts?query="+url.QueryEscape("shop/web"), nil)
}
