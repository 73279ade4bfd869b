package api

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/controlplane/access"
)

// TestEveryRouteIsInTheTable walks the router.
func TestEveryRouteIsInTheTable(t *testing.T) {
	s := newSite(t)
	inTable := map[string]bool{}
	for _, r := range routes {
		key := r.method + " " + ginPath(r.path)
		if inTable[key] {
			t.Errorf("%s is in the table twice", key)
		}
		inTable[key] = true
		if r.permission == "" || r.summary == "" {
			t.Errorf("%s has no permission or no summary", key)
		}
	}
	seen := 0
	for _, r := range s.api.engine.Routes() {
		if !inTable[r.Method+" "+r.Path] {
			t.Errorf("%s %s is served without a row in the table", r.Method, r.Path)
		}
		seen++
	}
	if seen != len(routes) {
		t.Errorf("%d routes are served, the table has %d", seen, len(routes))
	}
}

// TestPermissionOfEveryRoute calls each route without credentials and with
// each role: who lacks the permission gets 401 or 403, who has it does not.
func TestPermissionOfEveryRoute(t *testing.T) {
	s := newSite(t)
	s.admin()
	public := []string{"GET /api/v1/setup", "POST /api/v1/setup", "POST /api/v1/session", "POST /api/v1/registries/{id}/webhook", "GET /openapi.json", "GET /docs", "GET /healthz", "GET /readyz"}
	for _, r := range routes {
		key := r.method + " " + r.path
		if (r.permission == access.Public) != slices.Contains(public, key) {
			t.Errorf("%s has permission %s", key, r.permission)
		}
		if r.permission == access.Public {
			continue
		}
		if a := s.client().do(r.method, fillPath(r.path, "nothing"), map[string]any{}); a.status != 401 {
			t.Errorf("%s without credentials: %d", key, a.status)
		}
	}
	for _, role := range access.Roles() {
		c := s.as("default", role)
		may := access.Permissions([]string{role})
		for _, r := range routes {
			if r.permission == access.Public || strings.HasSuffix(r.path, "/stream") {
				continue
			}
			a := c.do(r.method, fillPath(r.path, "nothing"), map[string]any{})
			allowed := r.permission == access.SignedIn || slices.Contains(may, r.permission)
			if allowed == (a.status == 403 || a.status == 401) {
				t.Errorf("%s %s as %s: %d %s", r.method, r.path, role, a.status, a.body)
			}
			if a.status >= 500 {
				t.Errorf("%s %s as %s: %d %s", r.method, r.path, role, a.status, a.body)
			}
		}
	}
}

func fillPath(p, with string) string { return params.ReplaceAllString(p, with) }

// TestOpenAPI holds the document to what is served.
func TestOpenAPI(t *testing.T) {
	s := newSite(t)
	var doc struct {
		OpenAPI string                               `json:"openapi"`
		Paths   map[string]map[string]map[string]any `json:"paths"`
	}
	a := s.client().ok(200, "GET", "/openapi.json", nil)
	if err := json.Unmarshal(a.body, &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("version %q", doc.OpenAPI)
	}
	for _, r := range routes {
		if !strings.HasPrefix(r.path, prefix) {
			continue
		}
		op := doc.Paths[r.path][strings.ToLower(r.method)]
		if op == nil {
			t.Errorf("%s %s is not in the document", r.method, r.path)
			continue
		}
		if op["x-permission"] != string(r.permission) {
			t.Errorf("%s %s: permission %v in the document", r.method, r.path, op["x-permission"])
		}
	}
	docs := s.client().ok(200, "GET", "/docs", nil)
	if csp := docs.header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(string(docs.body), "<script") {
		t.Errorf("docs page: policy %q", csp)
	}
}
