package api

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane/events"
	"github.com/limpet-security/limpet/controlplane/learn"
	"github.com/limpet-security/limpet/controlplane/store"
)

// learned gives a group a profile of two things.
func (s *site) learned(group string) {
	s.Helper()
	d := store.ProfileDelta{EnforcerID: "e", BootID: "b", Sequence: 1}
	d.GroupName, d.Workload, d.Image = group, "sha256:a", "nginx"
	d.FirstSeen, d.LastSeen, d.ObservedNs = time.Now().Add(-time.Hour).UnixNano(), time.Now().UnixNano(), int64(time.Hour)
	for _, w := range []learn.What{
		{Kind: "exec", Path: "/usr/sbin/nginx", Exe: "/bin/sh", Origin: "image"},
		{Kind: "connect", Exe: "/usr/sbin/nginx", Protocol: "tcp", Address: "10.0.0.7", Port: 5432},
	} {
		row, err := w.Row()
		if err != nil {
			s.Fatal(err)
		}
		row.N, row.Starts, row.FirstSeen, row.LastSeen = 3, 1, d.FirstSeen, d.LastSeen
		d.Items = append(d.Items, row)
	}
	if err := s.store.Update(s.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.AddProfile(ctx, "default", d)
		return err
	}); err != nil {
		s.Fatal(err)
	}
}

func TestLearnAndSimulate(t *testing.T) {
	s := newSite(t)
	c := s.admin()
	c.ok(200, "POST", prefix+"/groups", map[string]any{"name": "web", "learning": true})
	var g groupView
	a := c.ok(200, "GET", prefix+"/groups/web", nil)
	if a.into(t, &g); !g.Learning {
		t.Error("the group does not learn")
	}
	// Who does not know the field leaves it alone.
	c.ok(200, "PUT", prefix+"/groups/web", map[string]any{"mode": "audit", "policies": []string{"default"}}, "If-Match", "*").into(t, &g)
	if !g.Learning {
		t.Error("a change of something else ended the learning")
	}
	c.ok(409, "POST", prefix+"/groups/web/learn", map[string]any{})
	s.learned("web")
	var profiles list[profileView]
	c.ok(200, "GET", prefix+"/groups/web/profiles", nil).into(t, &profiles)
	if len(profiles.Items) != 1 || profiles.Items[0].Kinds["exec"] != 1 || len(profiles.Items[0].Readiness.Reasons) < 4 {
		t.Errorf("%+v", profiles)
	}
	var items list[learn.Item]
	c.ok(200, "GET", prefix+"/groups/web/profiles/items?workload=sha256:a&kind=connect", nil).into(t, &items)
	if len(items.Items) != 1 || items.Items[0].Address != "10.0.0.7" {
		t.Errorf("%+v", items)
	}
	var p learnView
	c.ok(200, "POST", prefix+"/groups/web/learn", map[string]any{}).into(t, &p)
	if p.Name != "web-learned" || !strings.Contains(p.YAML, "10.0.0.7") || p.Readiness["sha256:a"].Score == 0 {
		t.Errorf("%+v", p)
	}
	c.ok(409, "POST", prefix+"/groups/web/learn", map[string]any{"until": time.Now().Add(-2 * time.Hour)})

	s.event("default", "e", 1)
	var sim learn.Simulation
	c.ok(200, "POST", prefix+"/groups/web/simulate", map[string]any{"yaml": p.YAML}).into(t, &sim)
	if sim.Items != 2 || sim.Events != 1 || sim.Blocked != 1 || len(sim.Hits) == 0 || sim.Hits[0].Examples[0] != "id-e-1" {
		t.Errorf("%+v", sim)
	}
	c.ok(200, "POST", prefix+"/groups/web/simulate", map[string]any{}).into(t, &sim) // the group's own
	if sim.Blocked != 1 || sim.Hits[0].Policy != "default" {
		t.Errorf("%+v", sim)
	}
	c.ok(422, "POST", prefix+"/groups/web/simulate", map[string]any{"yaml": "kind: nonsense"})
	c.ok(404, "POST", prefix+"/groups/web/simulate", map[string]any{"policies": []string{"gone"}})
	c.ok(204, "DELETE", prefix+"/groups/web/profiles", nil)
	c.ok(409, "POST", prefix+"/groups/web/learn", map[string]any{})
}

func TestFindings(t *testing.T) {
	s := newSite(t)
	c := s.admin()
	s.finding("default", 99)
	id := events.FindingID(99)
	var l findingList
	c.ok(200, "GET", prefix+"/findings?state=open", nil).into(t, &l)
	if len(l.Items) != 1 || l.Items[0].ID != id || l.Items[0].Denied != 3 || l.States["open"] != 1 {
		t.Errorf("%+v", l)
	}
	var f findingDetail
	a := c.ok(200, "GET", prefix+"/findings/"+id, nil)
	a.into(t, &f)
	if f.PlaceCount != 1 || f.Places[0].Count != 3 || a.header.Get("ETag") != `"1"` {
		t.Errorf("%+v", f)
	}
	var page list[events.View]
	c.ok(200, "GET", prefix+"/events?finding="+id, nil).into(t, &page)
	if len(page.Items) != 1 || page.Items[0].Finding != id {
		t.Errorf("%+v", page)
	}
	if c.ok(200, "GET", prefix+"/events?finding=nonsense!", nil).into(t, &page); len(page.Items) != 0 {
		t.Error("an id that is none matches events")
	}
	mute := map[string]any{"state": "muted", "reason": "a test of ours", "expiresAt": time.Now().Add(time.Hour)}
	c.ok(428, "PUT", prefix+"/findings/"+id, mute)
	c.ok(422, "PUT", prefix+"/findings/"+id, map[string]any{"state": "muted"}, "If-Match", `"1"`)
	c.ok(422, "PUT", prefix+"/findings/"+id, map[string]any{"state": "muted", "reason": "x", "expiresAt": time.Now().Add(-time.Hour)}, "If-Match", `"1"`)
	c.ok(200, "PUT", prefix+"/findings/"+id, mute, "If-Match", `"1"`).into(t, &f)
	if f.State != "muted" || f.Since != 0 || f.ExpiresAt == nil || f.ChangedBy == "" {
		t.Errorf("%+v", f)
	}
	c.ok(412, "PUT", prefix+"/findings/"+id, mute, "If-Match", `"1"`)
	c.ok(404, "PUT", prefix+"/findings/zz", mute, "If-Match", "*")
	if a := c.ok(200, "GET", prefix+"/audit", nil); !strings.Contains(string(a.body), "a test of ours") {
		t.Errorf("no audit record: %s", a.body)
	}
}
