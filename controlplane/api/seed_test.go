package api

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/tenant"
)

// eventSeed is what a test says of an event.
type eventSeed struct {
	id, control, image, policy, path, group string
	verdict                                 eventpb.Verdict
	mode                                    eventpb.Mode
	at                                      time.Time
	pb                                      *eventpb.Event
}

// event commits one event and tells streams.
func (s *site) event(t tenant.ID, enforcer string, n int, change ...func(*eventSeed)) {
	s.Helper()
	e := eventSeed{
		id: fmt.Sprintf("id-%s-%d", enforcer, n), control: "drift", image: "nginx:1", policy: "default", path: fmt.Sprintf("/tmp/tool-%d", n),
		group: "web", verdict: eventpb.Verdict_VERDICT_DENY, mode: eventpb.Mode_MODE_ENFORCE, at: time.Now(), pb: &eventpb.Event{},
	}
	for _, c := range change {
		c(&e)
	}
	e.pb.Id, e.pb.Sequence, e.pb.Control, e.pb.Policy, e.pb.Verdict, e.pb.Mode = e.id, uint64(n), e.control, e.policy, e.verdict, e.mode
	e.pb.Kind, e.pb.Rule = eventpb.Kind_KIND_EXEC, "not-in-image"
	if e.pb.Object == nil {
		e.pb.Object = &eventpb.Event_File{File: &eventpb.FileObject{Path: e.path, Origin: "drifted"}}
	}
	if e.pb.Process == nil {
		e.pb.Process = &eventpb.Process{Pid: 7, Exe: "/bin/sh", Args: []string{"sh", "-c", "=cmd|' /C calc'!A0"}}
	}
	payload, err := proto.Marshal(e.pb)
	if err != nil {
		s.Fatal(err)
	}
	word := map[eventpb.Verdict]string{1: "allow", 2: "audit", 3: "deny"}[e.verdict]
	_, err = s.store.AddEventsAnyTenant(s.Context(), []store.Event{{
		Tenant: t, EnforcerID: enforcer, BootID: "boot", Sequence: int64(n), ID: e.id, At: e.at.UnixNano(), ObservedAt: e.at.UnixNano(),
		ReceivedAt: e.at.UnixNano(), GroupName: e.group, Kind: "exec", Verdict: word, Control: e.control, Image: e.image,
		Search: e.path + " " + e.image, Payload: payload,
	}})
	if err != nil {
		s.Fatal(err)
	}
	s.hub.Committed()
}

// finding commits an event of a finding with a number of the test's choice.
func (s *site) finding(t tenant.ID, item int64) {
	s.Helper()
	_, err := s.store.AddEventsAnyTenant(s.Context(), []store.Event{{
		Tenant: t, EnforcerID: "zebra", BootID: "finding", Sequence: 1, ID: "zebra-finding", At: time.Now().UnixNano(), GroupName: "zebra", Kind: "exec",
		Verdict: "deny", Control: "zebra", Image: "zebra", Payload: []byte{}, Count: 3, Item: item,
		Cause: &store.Finding{Control: "zebra", Executable: "/bin/zebra", Image: "zebra"},
	}})
	if err != nil {
		s.Fatal(err)
	}
}

// enforcer keeps an enforcer that runs an image.
func (s *site) enforcer(id, digest string) {
	s.Helper()
	err := s.store.Update(s.Context(), func(ctx context.Context, tx *store.Tx) error {
		return tx.PutEnforcer(ctx, "default", store.Enforcer{ID: id, GroupName: "web", Hostname: id, Image: "web:1", ImageDigest: digest})
	})
	if err != nil {
		s.Fatal(err)
	}
}
