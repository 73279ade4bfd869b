package api

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/limpet-security/limpet/internal/policy"
)

func TestReputationLists(t *testing.T) {
	s := newSite(t)
	c := s.admin()
	lists := prefix + "/reputation-lists"
	a := c.ok(422, "POST", lists, map[string]any{"name": "bad", "content": "192.0.2.1\n\n!!\n"})
	if b := string(a.body); !strings.Contains(b, `"line":3`) || !strings.Contains(b, "reputation list is not valid") {
		t.Errorf("no place in %s", b)
	}
	c.ok(422, "POST", lists, map[string]any{"name": "Bad!", "content": "192.0.2.1\n"})
	body := map[string]any{"name": "bad", "description": "of today", "content": "192.0.2.1 # one\n10.0.0.0/8\nevil.test\n"}
	c.ok(200, "POST", lists+"?dryRun=true", body)
	c.ok(404, "GET", lists+"/bad", nil)
	made := c.ok(200, "POST", lists, body)
	first := made.header.Get("ETag")
	var v reputationListView
	made.into(t, &v)
	if v.Entries != 3 || v.Ranges != 2 || v.Names != 1 || v.Content != "" || len(v.Warnings) != 1 || v.Version != 1 || len(v.Policies) != 0 {
		t.Errorf("%+v", v)
	}
	c.ok(409, "POST", lists, body)
	whole := c.ok(200, "GET", lists+"/bad", nil)
	whole.into(t, &v)
	if v.Content != body["content"] || whole.header.Get("ETag") != first {
		t.Errorf("%+v", v)
	}
	c.ok(428, "PUT", lists+"/bad", map[string]any{"content": "192.0.2.2\n"})
	c.ok(412, "PUT", lists+"/bad", map[string]any{"content": "192.0.2.2\n"}, "If-Match", `"9"`)
	delete(body, "name")
	if e := c.ok(200, "PUT", lists+"/bad", body, "If-Match", first).header.Get("ETag"); e != first {
		t.Errorf("the same list made version %s", e)
	}

	// A policy of a group names it: the group's bundle follows the list.
	p := policy.Default()
	p.Metadata.Name = "shop"
	p.Spec.Controls.IPReputation = &policy.ReputationControl{Setting: policy.Setting{Mode: policy.Enforce}, Lists: []string{"bad", "later"}}
	text, err := p.YAML()
	if err != nil {
		t.Fatal(err)
	}
	c.ok(200, "POST", prefix+"/policies", map[string]any{"yaml": string(text)})
	c.ok(200, "POST", prefix+"/groups", map[string]any{"name": "web", "policies": []string{"shop"}})
	c.ok(200, "POST", prefix+"/groups", map[string]any{"name": "other"})
	number := func(group string) uint64 {
		var e embedView
		c.ok(200, "GET", prefix+"/groups/"+group+"/embed", nil).into(t, &e)
		return e.BundleNo
	}
	notes := func() string {
		var e effectiveView
		c.ok(200, "GET", prefix+"/groups/web/effective", nil).into(t, &e)
		for _, ec := range e.Controls {
			if ec.Control == policy.Reputation {
				return strings.Join(ec.Notes, "; ")
			}
		}
		return ""
	}
	web, other := number("web"), number("other")
	if n := notes(); !strings.Contains(n, "later") || strings.Contains(n, `"bad"`) {
		t.Errorf("notes: %s", n)
	}
	var many strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&many, "%d.%d.%d.%d\n", 20+i%200, i*7%256, i/256%256, i%251)
	}
	second := c.ok(200, "PUT", lists+"/bad", map[string]any{"content": many.String()}, "If-Match", first).header.Get("ETag")
	c.ok(200, "POST", lists, map[string]any{"name": "later", "format": "csv", "column": "ip", "content": "who,ip\nx,192.0.2.9\n"})
	if number("web") != web+2 || number("other") != other || notes() != "" {
		t.Errorf("bundles %d -> %d and %d -> %d; notes %q", web, number("web"), other, number("other"), notes())
	}
	var all list[reputationListView]
	c.ok(200, "GET", lists, nil).into(t, &all)
	if len(all.Items) != 2 || all.Items[0].Content != "" || len(all.Items[0].Policies) != 1 || all.Items[0].Policies[0] != "shop" {
		t.Errorf("%+v", all.Items)
	}
	// What is too large for a bundle is refused, and nothing of it is kept.
	var huge strings.Builder
	r := rand.New(rand.NewPCG(1, 2))
	for range 120_000 {
		fmt.Fprintf(&huge, "2001:db8:%x:%x:%x:%x:%x:1\n", r.IntN(1<<16), r.IntN(1<<16), r.IntN(1<<16), r.IntN(1<<16), r.IntN(1<<16))
	}
	if a := c.do("PUT", lists+"/bad", map[string]any{"content": huge.String()}, "If-Match", second); a.status != 422 || !strings.Contains(string(a.body), "web") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if number("web") != web+2 {
		t.Error("a list that was refused made a bundle")
	}
	c.ok(409, "DELETE", lists+"/bad", nil)
	c.ok(204, "DELETE", prefix+"/groups/web", nil)
	c.ok(204, "DELETE", prefix+"/policies/shop", nil)
	c.ok(412, "DELETE", lists+"/bad", nil, "If-Match", first)
	c.ok(204, "DELETE", lists+"/bad", nil, "If-Match", second)
	c.ok(404, "GET", lists+"/bad", nil)
	audit := string(c.ok(200, "GET", prefix+"/audit?objectKind=reputation+list", nil).body)
	if !strings.Contains(audit, `"delete"`) || !strings.Contains(audit, `"update"`) || strings.Contains(audit, "192.0.2.1") {
		t.Errorf("audit: %.500s", audit)
	}
}
