package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/finding"
)

const shopTests = `apiVersion: limpet.dev/v1
kind: AssuranceTest
metadata: {name: shop}
policies: [shop.yaml]
tests:
  - {name: a key fails, report: key.json, result: fail, violated: [secrets]}
  - {name: the kept image passes, report: "registry.example.com/shop/web:1", result: pass}
`

// TestKeptTests: tests that are kept with a policy are run at each change of it,
// on reports as they were when the tests were kept.
func TestKeptTests(t *testing.T) {
	s := newSite(t)
	c := s.admin()
	all := prefix + "/assurance-policies"
	one := all + "/shop"
	tag := c.ok(200, "POST", all, map[string]any{"yaml": shopAssurance}).header.Get("ETag")
	clean := imageReport("registry.example.com/shop/web:1", "sha256:"+strings.Repeat("ab", 32), 0)
	c.ok(200, "POST", prefix+"/scans?source=ci", clean)
	const key = `{"schema":1,"artifact":{"kind":"image","name":"registry.example.com/shop/web:2","image":{"user":"app"}},"integrity":{"verdict":"complete"},"secrets":[{"rule":"r","severity":"low","title":"t","place":{"path":"/x"}}]}`
	body := func(text string, reports map[string]string) map[string]any {
		raw := map[string]json.RawMessage{}
		for name, r := range reports {
			raw[name] = json.RawMessage(r)
		}
		return map[string]any{"yaml": text, "reports": raw}
	}
	c.ok(404, "GET", one+"/tests", nil)
	c.ok(404, "PUT", one+"/tests", body(shopTests, nil)) // no such report anywhere
	c.ok(422, "PUT", one+"/tests", body(shopTests, map[string]string{"key.json": `{"schema":99}`}))
	c.ok(422, "PUT", one+"/tests", body(strings.Replace(shopTests, "[shop.yaml]", "[shop.yaml, other.yaml]", 1), map[string]string{"key.json": key}))
	c.ok(404, "PUT", all+"/none/tests", body(shopTests, map[string]string{"key.json": key}))
	wrong := strings.Replace(shopTests, "result: pass", "result: warn", 1)
	if b := string(c.ok(422, "PUT", one+"/tests", body(wrong, map[string]string{"key.json": key})).body); !strings.Contains(b, "tests/the kept image passes") || !strings.Contains(b, "result is pass, expected warn") {
		t.Error(b)
	}
	c.ok(200, "PUT", one+"/tests?dryRun=true", body(shopTests, map[string]string{"key.json": key}))
	c.ok(404, "GET", one+"/tests", nil)
	kept := c.ok(200, "PUT", one+"/tests", body(shopTests, map[string]string{"key.json": key}))
	var v keptTestsView
	kept.into(t, &v)
	if len(v.Tests) != 2 || len(v.Tests[0].Problems)+len(v.Tests[1].Problems) != 0 || len(v.Reports) != 2 || v.YAML != shopTests || v.Version != 1 {
		t.Errorf("%+v", v)
	}
	// The text alone: reports that are kept need not be sent again.
	c.ok(428, "PUT", one+"/tests", body(shopTests+"# said\n", nil))
	c.ok(200, "PUT", one+"/tests", body(shopTests+"# said\n", nil), "If-Match", kept.header.Get("ETag")).into(t, &v)
	if v.Version != 2 {
		t.Errorf("%+v", v)
	}

	// A change that a test fails is refused, tried or kept, and names the test.
	weaker := map[string]any{"yaml": strings.Replace(shopAssurance, "block", "warn", 1)}
	for _, q := range []string{"", "?dryRun=true"} {
		if b := string(c.ok(422, "PUT", one+q, weaker, "If-Match", tag).body); !strings.Contains(b, "1 of 2 tests of the policy fail") || !strings.Contains(b, "tests/a key fails") {
			t.Error(b)
		}
	}
	// What the inventory says meanwhile is not what the tests judge.
	clean.Secrets = []finding.Secret{{Rule: "r", Severity: finding.Low, Place: finding.Place{Path: "/x"}}}
	c.ok(200, "POST", prefix+"/scans?source=ci", clean)
	c.ok(200, "GET", one+"/tests", nil).into(t, &v)
	if len(v.Tests[1].Problems) != 0 {
		t.Errorf("%+v", v.Tests)
	}
	// Saved all the same, which the audit record says.
	c.ok(200, "PUT", one+"?allowFailingTests=true", weaker, "If-Match", tag)
	if b := string(c.ok(200, "GET", prefix+"/audit?limit=5", nil).body); !strings.Contains(b, "failedTests") || !strings.Contains(b, "a key fails: result is warn, expected fail") {
		t.Error(b)
	}
	c.ok(200, "GET", one+"/tests", nil).into(t, &v)
	if len(v.Tests[0].Problems) == 0 {
		t.Errorf("%+v", v.Tests)
	}
	// A policy goes with its tests.
	c.ok(204, "DELETE", one, nil)
	c.ok(200, "POST", all, map[string]any{"yaml": shopAssurance})
	c.ok(404, "GET", one+"/tests", nil)
	c.ok(404, "DELETE", one+"/tests", nil)
}
