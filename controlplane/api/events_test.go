package api

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/limpet-security/limpet/controlplane/access"
	"github.com/limpet-security/limpet/controlplane/events"
	"github.com/limpet-security/limpet/internal/event/eventpb"
)

func TestEventLists(t *testing.T) {
	s := newSite(t)
	c := s.admin()
	c.ok(200, "POST", prefix+"/groups", map[string]any{"name": "web"})
	for i := 1; i <= 7; i++ {
		s.event("default", "e", i)
	}
	var first, second list[events.View]
	c.ok(200, "GET", prefix+"/events?limit=5&verdict=deny", nil).into(t, &first)
	if len(first.Items) != 5 || first.NextCursor == "" || first.Items[0].Sequence != 7 {
		t.Fatalf("%d events, next %q", len(first.Items), first.NextCursor)
	}
	c.ok(200, "GET", prefix+"/events?limit=5&verdict=deny&cursor="+first.NextCursor, nil).into(t, &second)
	if len(second.Items) != 2 || second.NextCursor != "" {
		t.Errorf("%d events, next %q", len(second.Items), second.NextCursor)
	}
	c.ok(400, "GET", prefix+"/events?cursor=garbage", nil)
	c.ok(422, "GET", prefix+"/events?from=yesterday", nil)
	var d EventDetail
	c.ok(200, "GET", prefix+"/events/id-e-3", nil).into(t, &d)
	if d.Explain.Asked != "enforce" || d.Explain.GroupMode != "audit" || d.Explain.Why == "" || d.Object.Path != "/tmp/tool-3" {
		t.Errorf("%+v", d)
	}
	var sum Summary
	c.ok(200, "GET", prefix+"/events/summary", nil).into(t, &sum)
	if sum.Totals.Deny != 7 || len(sum.Timeline) < 40 || len(sum.TopControls) != 1 {
		t.Errorf("%+v", sum)
	}
	var dash Dashboard
	c.ok(200, "GET", prefix+"/dashboard", nil).into(t, &dash)
	if dash.Events24h.Deny != 7 || len(dash.Recent) != 7 || dash.Groups != 1 {
		t.Errorf("%+v", dash)
	}
}

func TestExport(t *testing.T) {
	s := newSite(t)
	c := s.admin()
	for i := 1; i <= 620; i++ { // more than one page
		s.event("default", "e", i)
	}
	a := c.ok(200, "GET", prefix+"/events/export?format=csv", nil)
	rows, err := csv.NewReader(strings.NewReader(string(a.body))).ReadAll()
	if err != nil || len(rows) != 621 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if !strings.Contains(a.header.Get("Content-Disposition"), "attachment") {
		t.Error("not a download")
	}
	a = c.ok(200, "GET", prefix+"/events/export?format=json&q=tool-61", nil)
	lines := strings.Split(strings.TrimSpace(string(a.body)), "\n")
	if len(lines) != 11 { // 61, 610 to 619
		t.Errorf("%d lines", len(lines))
	}
	var v events.View
	if err := json.Unmarshal([]byte(lines[0]), &v); err != nil {
		t.Error(err)
	}
}

func TestPropose(t *testing.T) {
	s := newSite(t)
	c := s.admin()
	c.ok(200, "POST", prefix+"/groups", map[string]any{"name": "web"})
	s.event("default", "e", 1)
	var p Proposal
	c.ok(200, "POST", prefix+"/events/id-e-1/propose", nil).into(t, &p)
	if p.Policy != "default" || !strings.Contains(p.Diff, "+        - /tmp/tool-1") && !strings.Contains(p.Diff, "/tmp/tool-1") {
		t.Errorf("%+v", p)
	}
	if strings.Count(p.Diff, "\n-") > 1 { // the head has one
		t.Errorf("lines of the author went:\n%s", p.Diff)
	}
	c.ok(200, "PUT", prefix+"/policies/default", map[string]any{"yaml": p.YAML}, "If-Match", p.ETag)
	s.event("default", "e", 2, func(e *eventSeed) { e.policy = "" })
	c.ok(422, "POST", prefix+"/events/id-e-2/propose", nil)
	s.event("default", "e", 3, func(e *eventSeed) { e.control = "selfProtection" })
	c.ok(422, "POST", prefix+"/events/id-e-3/propose", nil)
	s.event("default", "e", 4, func(e *eventSeed) { e.policy = "gone" })
	c.ok(404, "POST", prefix+"/events/id-e-4/propose", nil)
}

func TestStream(t *testing.T) {
	s := newSite(t)
	s.admin()
	s.event("default", "e", 1)
	reader := s.as("default", access.Developer)
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.url+prefix+"/events/stream?verdict=deny", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+reader.token)
	res, err := reader.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if ct := res.Header.Get("Content-Type"); res.StatusCode != 200 || ct != "text/event-stream" {
		t.Fatalf("%d %s", res.StatusCode, ct)
	}
	data := make(chan events.View)
	go func() {
		defer close(data)
		lines := bufio.NewScanner(res.Body)
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var v events.View
				if err := json.Unmarshal([]byte(text), &v); err != nil {
					return
				}
				data <- v
			}
		}
	}()
	s.event("owner", "other", 1) // another tenant's
	s.event("default", "e", 2, func(e *eventSeed) { e.verdict = eventpb.Verdict_VERDICT_AUDIT })
	for i := 3; i <= 5; i++ {
		s.event("default", "e", i)
		select {
		case v := <-data:
			if v.Sequence != uint64(i) || v.Tenant != "default" {
				t.Errorf("event %d of %s, want %d", v.Sequence, v.Tenant, i)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("no event came")
		}
	}
	s.api.Close() // the server stops: the stream ends
	select {
	case _, more := <-data:
		if more {
			t.Error("an event after the end")
		}
	case <-time.After(10 * time.Second):
		t.Error("the stream outlives the server")
	}
}
