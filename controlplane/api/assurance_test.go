package api

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/assurance"
)

const shopAssurance = `apiVersion: limpet.dev/v1
kind: AssurancePolicy
metadata: {name: shop, description: of the shop}
spec:
  scope: {images: ["registry.example.com/shop/**"]}
  controls:
    secrets: {mode: block}
`

func TestAssurancePolicies(t *testing.T) {
	s := newSite(t)
	c := s.admin()
	all := prefix + "/assurance-policies"
	var v policyView
	c.ok(200, "GET", all+"/default", nil).into(t, &v)
	if v.YAML != string(assurance.DefaultYAML()) || v.UpdatedBy != "limpet" {
		t.Errorf("the first policy is %+v", v)
	}
	a := c.ok(422, "POST", all, map[string]any{"yaml": strings.Replace(shopAssurance, "secrets", "secret", 1)})
	if b := string(a.body); !strings.Contains(b, `"line":7`) || !strings.Contains(b, "did you mean") {
		t.Errorf("no place in %s", b)
	}
	c.ok(200, "POST", all+"?dryRun=true", map[string]any{"yaml": shopAssurance})
	c.ok(404, "GET", all+"/shop", nil)
	tag := c.ok(200, "POST", all, map[string]any{"yaml": shopAssurance}).header.Get("ETag")
	c.ok(409, "POST", all, map[string]any{"yaml": shopAssurance})
	c.ok(428, "PUT", all+"/shop", map[string]any{"yaml": shopAssurance})
	if e := c.ok(200, "PUT", all+"/shop", map[string]any{"yaml": shopAssurance}, "If-Match", tag).header.Get("ETag"); e != tag {
		t.Errorf("the same policy made version %s", e)
	}
	c.ok(422, "PUT", all+"/default", map[string]any{"yaml": shopAssurance}, "If-Match", tag)
	changed := strings.Replace(shopAssurance, "block", "warn", 1)
	tag = c.ok(200, "PUT", all+"/shop", map[string]any{"yaml": changed}, "If-Match", tag).header.Get("ETag")
	c.ok(412, "PUT", all+"/shop", map[string]any{"yaml": shopAssurance}, "If-Match", `"1"`)

	// The same verdict as at the command line.
	const report = `{"schema":1,"artifact":{"kind":"image","name":"registry.example.com/shop/web:1","image":{"user":"app"}},"integrity":{"verdict":"complete"},
"database":{"digest":"d","built":"2026-11-20T00:00:00Z","schema":1},"secrets":[{"rule":"r","severity":"low","title":"t","place":{"path":"/x"}}]}`
	check := func(query, body string) (out assurance.Verdict) {
		t.Helper()
		c.ok(200, "POST", prefix+"/assurance-check"+query, json.RawMessage(body)).into(t, &out)
		return out
	}
	if out := check("?policy=shop", report); out.Result != assurance.Warned || len(out.Policies) != 1 || out.Policies[0].Violations[0].Control != assurance.ControlSecrets {
		t.Errorf("%+v", out)
	}
	if out := check("", report); len(out.Policies) != 2 {
		t.Errorf("%+v, want both policies", out)
	}
	if out := check("?reference="+url.QueryEscape("docker.io/library/web:1"), report); len(out.Policies) != 1 || out.Policies[0].Policy != "default" {
		t.Errorf("%+v, want the policy whose scope it is in", out)
	}
	c.ok(422, "POST", prefix+"/assurance-check", json.RawMessage(`{"schema":99}`))
	c.ok(404, "POST", prefix+"/assurance-check?policy=none", json.RawMessage(report))
	c.ok(204, "DELETE", all+"/shop", nil, "If-Match", tag)
	c.ok(404, "DELETE", all+"/shop", nil)
}
