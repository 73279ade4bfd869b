package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/internal/policy"
)

func TestSetupOnce(t *testing.T) {
	s := newSite(t)
	c := s.client()
	if b := string(c.ok(200, "GET", prefix+"/setup", nil).body); !strings.Contains(b, `"needed":true`) {
		t.Error(b)
	}
	body := map[string]any{"code": "WRONG-WRONG-WRONG-WRONG", "username": "admin", "password": password}
	c.ok(403, "POST", prefix+"/setup", body)
	body["code"] = strings.ToLower(strings.ReplaceAll(setupCode, "-", " ")) // as people type it
	body["password"] = "short"
	c.ok(422, "POST", prefix+"/setup", body)
	body["password"] = password
	a := c.ok(200, "POST", prefix+"/setup", body)
	cookie := a.header.Get("Set-Cookie")
	for _, part := range []string{"__Host-limpet=", "HttpOnly", "Secure", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("cookie %q lacks %s", cookie, part)
		}
	}
	body["username"] = "second"
	s.client().ok(403, "POST", prefix+"/setup", body)
	if b := string(c.ok(200, "GET", prefix+"/setup", nil).body); !strings.Contains(b, `"needed":false`) {
		t.Error(b)
	}
	if b := string(c.ok(200, "GET", prefix+"/policies/default", nil).body); !strings.Contains(b, "RuntimePolicy") {
		t.Error("no default policy after setup")
	}
}

func TestSessions(t *testing.T) {
	s := newSite(t)
	admin := s.admin()
	admin.ok(200, "POST", prefix+"/users", map[string]any{"username": "dev", "password": password, "roles": []string{"developer"}})
	dev := s.client()
	dev.ok(401, "POST", prefix+"/session", map[string]any{"username": "dev", "password": "wrong password"})
	dev.ok(401, "POST", prefix+"/session", map[string]any{"username": "nobody", "password": password})
	a := dev.ok(200, "POST", prefix+"/session", map[string]any{"username": "dev", "password": password, "remember": true})
	if c := a.header.Get("Set-Cookie"); !strings.Contains(c, "Max-Age=2592000") {
		t.Errorf("a remembered session's cookie: %q", c)
	}
	dev.signed(a)
	dev.ok(200, "GET", prefix+"/groups", nil)
	dev.ok(403, "POST", prefix+"/groups", map[string]any{"name": "x"})
	dev.ok(403, "GET", prefix+"/audit", nil)

	csrf := admin.csrf
	admin.csrf = ""
	admin.ok(403, "POST", prefix+"/groups", map[string]any{"name": "x"})
	admin.csrf = csrf
	admin.ok(403, "POST", prefix+"/groups", map[string]any{"name": "x"}, "Origin", "https://evil.test", "Sec-Fetch-Site", "cross-site")
	admin.ok(200, "POST", prefix+"/groups", map[string]any{"name": "x"})

	// A change of role holds at once; a new password ends the sessions.
	etag := admin.ok(200, "GET", prefix+"/users/dev", nil).header.Get("ETag")
	etag = admin.ok(200, "PUT", prefix+"/users/dev", map[string]any{"roles": []string{"auditor"}}, "If-Match", etag).header.Get("ETag")
	dev.ok(200, "GET", prefix+"/audit", nil)
	admin.ok(200, "PUT", prefix+"/users/dev", map[string]any{"roles": []string{"auditor"}, "password": "another password"}, "If-Match", etag)
	dev.ok(401, "GET", prefix+"/groups", nil)

	admin.ok(409, "PUT", prefix+"/users/admin", map[string]any{"roles": []string{"auditor"}}, "If-Match", "*")
	admin.ok(409, "DELETE", prefix+"/users/admin", nil)
	admin.ok(422, "PUT", prefix+"/session/password", map[string]any{"current": "wrong", "new": "a whole new password"})
	admin.signed(admin.ok(200, "PUT", prefix+"/session/password", map[string]any{"current": password, "new": "a whole new password"}))
	admin.ok(204, "DELETE", prefix+"/session", nil)
	admin.ok(401, "GET", prefix+"/session", nil)

	last := 0
	for range 12 {
		last = dev.do("POST", prefix+"/session", map[string]any{"username": "dev", "password": "wrong password"}).status
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("guessing passwords is answered with %d", last)
	}
}

func TestTokens(t *testing.T) {
	s := newSite(t)
	admin := s.admin()
	var made tokenView
	admin.ok(200, "POST", prefix+"/tokens", map[string]any{"name": "ci", "roles": []string{"security"}, "ttlSeconds": 3600}).into(t, &made)
	if !strings.HasPrefix(made.Token, access.APITokenPrefix) || made.ExpiresAt == nil {
		t.Fatalf("%+v", made)
	}
	ci := s.client()
	ci.token = made.Token
	ci.ok(200, "POST", prefix+"/groups", map[string]any{"name": "from-ci"}) // no CSRF token needed
	ci.ok(403, "POST", prefix+"/tokens", map[string]any{"name": "more", "roles": []string{"administrator"}})
	if b := string(admin.ok(200, "GET", prefix+"/tokens", nil).body); strings.Contains(b, made.Token) || !strings.Contains(b, "lastUsedAt") {
		t.Errorf("list of tokens: %s", b)
	}
	if b := string(admin.ok(200, "GET", prefix+"/audit", nil).body); strings.Contains(b, made.Token) || strings.Contains(b, password) || !strings.Contains(b, "token:ci") {
		t.Error("the audit record shows a secret, or not who acted")
	}
	admin.ok(204, "DELETE", prefix+"/tokens/"+made.ID, nil)
	ci.ok(401, "GET", prefix+"/groups", nil)
	ci.token = "limpet_api_nonsense"
	ci.ok(401, "GET", prefix+"/groups", nil)
}

func TestGroupVersions(t *testing.T) {
	s := newSite(t)
	c := s.admin()
	a := c.ok(200, "POST", prefix+"/groups", map[string]any{"name": "web", "labels": map[string]string{"team": "shop"}})
	first := a.header.Get("ETag")
	c.ok(409, "POST", prefix+"/groups", map[string]any{"name": "web"})
	c.ok(422, "POST", prefix+"/groups", map[string]any{"name": "Web!"})
	c.ok(404, "POST", prefix+"/groups", map[string]any{"name": "bad", "policies": []string{"missing"}})
	c.ok(404, "GET", prefix+"/groups/bad", nil) // nothing of it was kept
	change := map[string]any{"mode": "enforce", "policies": []string{"default"}}
	c.ok(428, "PUT", prefix+"/groups/web", change)
	c.ok(412, "PUT", prefix+"/groups/web", change, "If-Match", `"99"`)
	c.ok(200, "PUT", prefix+"/groups/web?dryRun=true", change, "If-Match", first)
	bundleOf := func() (v embedView) {
		c.ok(200, "GET", prefix+"/groups/web/embed", nil).into(t, &v)
		return v
	}
	if n := bundleOf().BundleNo; n != 1 {
		t.Errorf("bundle %d after a dry run", n)
	}
	second := c.ok(200, "PUT", prefix+"/groups/web", change, "If-Match", first).header.Get("ETag")
	c.ok(412, "PUT", prefix+"/groups/web", change, "If-Match", first)
	if n := bundleOf().BundleNo; n != 2 {
		t.Errorf("bundle %d after a change", n)
	}
	if again := c.ok(200, "PUT", prefix+"/groups/web", change, "If-Match", second).header.Get("ETag"); again != second {
		t.Errorf("a PUT that changes nothing made version %s of %s", again, second)
	}
	if v := bundleOf(); v.BundleNo != 2 || v.Group != "web" || v.Tenant != "default" || len(v.BundleKeys) != 1 || v.Gateway == "" {
		t.Errorf("%+v", v)
	}
	var whole map[string]any
	c.ok(200, "GET", prefix+"/groups/web", nil).into(t, &whole)
	c.ok(200, "PUT", prefix+"/groups/web", whole, "If-Match", second) // as it was read
	whole["typo"] = 1
	c.ok(422, "PUT", prefix+"/groups/web", whole, "If-Match", second)
	c.ok(204, "DELETE", prefix+"/groups/web", nil, "If-Match", second)
	c.ok(404, "DELETE", prefix+"/groups/web", nil)
}

func TestPolicies(t *testing.T) {
	s := newSite(t)
	c := s.admin()
	text := strings.Replace(string(policy.DefaultYAML()), "name: default", "name: shop", 1)
	bad := strings.Replace(text, "mode: enforce", "mode: enforced", 1)
	a := c.ok(422, "POST", prefix+"/policies", map[string]any{"yaml": bad})
	if b := string(a.body); !strings.Contains(b, `"line"`) || !strings.Contains(b, `"location"`) {
		t.Errorf("no place in %s", b)
	}
	var check validateView
	c.ok(200, "POST", prefix+"/policies/validate", map[string]any{"yaml": bad}).into(t, &check)
	if check.Valid || len(check.Errors) == 0 || check.Errors[0].Line == 0 {
		t.Errorf("%+v", check)
	}
	c.ok(200, "POST", prefix+"/policies?dryRun=true", map[string]any{"yaml": text})
	c.ok(404, "GET", prefix+"/policies/shop", nil)
	made := c.ok(200, "POST", prefix+"/policies", map[string]any{"yaml": text})
	first := made.header.Get("ETag")
	var v policyView
	made.into(t, &v)
	if v.YAML != text || v.Revision != 1 {
		t.Errorf("revision %d; the author's text was changed: %v", v.Revision, v.YAML != text)
	}
	c.ok(200, "POST", prefix+"/groups", map[string]any{"name": "web", "policies": []string{"shop"}})
	c.ok(409, "DELETE", prefix+"/policies/shop", nil)
	if e := c.ok(200, "PUT", prefix+"/policies/shop", map[string]any{"yaml": text}, "If-Match", first).header.Get("ETag"); e != first {
		t.Errorf("the same text made revision %s", e)
	}
	c.ok(422, "PUT", prefix+"/policies/shop", map[string]any{"yaml": string(policy.DefaultYAML())}, "If-Match", first)
	c.ok(200, "PUT", prefix+"/policies/shop", map[string]any{"document": v.Document}, "If-Match", first)
	var revs list[revisionView]
	c.ok(200, "GET", prefix+"/policies/shop/revisions", nil).into(t, &revs)
	if len(revs.Items) != 2 {
		t.Errorf("%d revisions", len(revs.Items))
	}
	var e effectiveView
	c.ok(200, "GET", prefix+"/groups/web/effective", nil).into(t, &e)
	found := false
	for _, ec := range e.Controls {
		if ec.Control == policy.Drift {
			found = true
			if ec.Mode != policy.Audit || len(ec.Sources) != 1 || ec.Sources[0].Asked != policy.Enforce {
				t.Errorf("%+v", ec)
			}
		}
	}
	if !found {
		t.Error("drift is not among the effective controls")
	}
}

func TestInstallText(t *testing.T) {
	s := newSite(t)
	c := s.admin()
	c.ok(200, "POST", prefix+"/groups", map[string]any{"name": "web"})
	for format, part := range map[string]string{"docker": "docker run", "dockerfile": "--dockerfile", "ecs": "containerDefinitions", "definition": "--group web -o REGISTRY/limpet-carrier:web\nlimpet wrap definition FILE"} {
		var v installView
		c.ok(200, "GET", path("/groups/web/install?format=%s&image=nginx:1.27", format), nil).into(t, &v)
		if !strings.Contains(v.Command, part) || len(v.Notes) == 0 {
			t.Errorf("%s: %+v", format, v)
		}
	}
	c.ok(422, "GET", prefix+"/groups/web/install?image=$(id)", nil)
	var j joinTokenView
	c.ok(200, "POST", prefix+"/groups/web/join-tokens", map[string]any{"ttlSeconds": 600, "maxUses": 3}).into(t, &j)
	if !strings.HasPrefix(j.Secret, access.JoinTokenPrefix) || j.UsesLeft != 3 {
		t.Errorf("%+v", j)
	}
	if b := string(c.ok(200, "GET", prefix+"/groups/web/join-tokens", nil).body); strings.Contains(b, j.Secret) {
		t.Error("the list shows a join token")
	}
	c.ok(204, "DELETE", prefix+"/groups/web/join-tokens/"+j.ID, nil)
}
