package ingest

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/limpet-security/limpet/controlplane/events"
	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/tenant"
	"github.com/limpet-security/limpet/internal/wire"
)

// maxSearch bounds the text that free-text queries look at, in bytes.
const maxSearch = 2048

// oldest is how far an event may lie back: a spool that was sent late. What
// claims to be older is ordered by when it came.
const oldest = 90 * 24 * time.Hour

// newRow makes the row of an event. Whose it is, and when it came, is the
// gateway's word.
func newRow(t tenant.ID, e store.Enforcer, boot string, receivedNs int64, ev *eventpb.Event) (store.Event, error) {
	wire.CleanEvent(ev)
	if boot == "" {
		boot = ev.BootId
	}
	if _, err := uuid.Parse(ev.Id); err != nil {
		id, err := uuid.NewV7()
		if err != nil {
			return store.Event{}, fmt.Errorf("cannot make identifier: %w", err)
		}
		ev.Id = id.String()
	}
	ev.BootId = boot
	if ev.Workload == nil {
		ev.Workload = &eventpb.Workload{
			Image: e.Image, ImageDigest: e.ImageDigest, Claimed: e.Claimed, Hostname: e.Hostname, Labels: e.Labels,
		}
	}
	payload, err := proto.Marshal(ev)
	if err != nil {
		return store.Event{}, fmt.Errorf("cannot write event: %w", err)
	}
	verdict := events.Word(ev.Verdict)
	if verdict == "" {
		verdict = "allow"
	}
	image := e.Image // counted by it: one image for each enforcer, whatever its events say
	if image == "" {
		image = ev.Workload.Image
	}
	cause := events.Cause(ev, image, ev.Workload.ImageDigest)
	var item int64
	if cause != nil {
		item = cause.Item
	}
	return store.Event{
		Item: item, Cause: cause,
		Tenant: t, EnforcerID: e.ID, BootID: boot, Sequence: int64(ev.Sequence), ID: ev.Id,
		At: believe(ev.ObservedAtNs, e.SkewNs, receivedNs), ObservedAt: ev.ObservedAtNs, ReceivedAt: receivedNs,
		GroupName: e.GroupName, Kind: events.Word(ev.Kind), Verdict: verdict, Control: ev.Control, Image: image,
		Search: searchText(ev), Payload: payload, Count: int64(min(ev.Count, 1<<40)),
	}, nil
}

// believe gives the time an event is ordered by: the enforcer's clock,
// corrected by how far it is off, but never after the event came and never
// unbelievably early.
func believe(observed, skew, received int64) int64 {
	at := observed
	if skew > int64(time.Second) || skew < -int64(time.Second) {
		at = observed - skew
	}
	if at > received || at < received-int64(oldest) {
		return received
	}
	return at
}

// searchText gathers the words of an event that people look for.
func searchText(e *eventpb.Event) string {
	var b strings.Builder
	add := func(words ...string) {
		for _, w := range words {
			if w != "" && b.Len() < maxSearch {
				b.WriteString(w)
				b.WriteByte(' ')
			}
		}
	}
	if o := e.GetFile(); o != nil {
		add(o.Path, o.Requested, o.Interpreter, o.Digest, o.OtherPath, o.DigestBefore, o.DigestAfter)
	}
	if o := e.GetNetwork(); o != nil {
		add(o.Address)
		if o.Port != 0 {
			add(fmt.Sprint(o.Port))
		}
		if o.LocalAddress != "" {
			add(o.LocalAddress, fmt.Sprint(o.LocalPort))
		}
		add(o.Protocol)
	}
	if o := e.GetDns(); o != nil {
		add(o.Name, o.Target, o.Address, o.Server)
	}
	if o := e.GetCall(); o != nil {
		add(o.Syscall, o.Detail)
	}
	add(e.Control, e.Rule, e.Policy, e.Technique)
	if p := e.Process; p != nil {
		add(p.Exe, p.Comm, p.User)
		add(p.Args...)
	}
	if w := e.Workload; w != nil {
		add(w.Hostname, w.Image)
	}
	add(e.Reason)
	s := strings.ToLower(b.String())
	if len(s) > maxSearch {
		s = s[:maxSearch]
	}
	return strings.ToValidUTF8(strings.TrimRightFunc(s, func(r rune) bool { return r == utf8.RuneError || r == ' ' }), "")
}
