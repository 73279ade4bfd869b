package wire

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

func typical() *eventpb.Event {
	return &eventpb.Event{Id: "019a", Sequence: 7, Kind: eventpb.Kind_KIND_EXEC, Control: "drift", Reason: "A file that is not in the image was started.",
		Process:   &eventpb.Process{Pid: 10, Exe: "/tmp/x", Args: []string{"/tmp/x", "-p", "日本語"}},
		Ancestors: []*eventpb.Process{{Pid: 9, Exe: "/bin/sh"}, {Pid: 1, Exe: "/sbin/init"}},
		Object:    &eventpb.Event_File{File: &eventpb.FileObject{Path: "/tmp/x"}},
		Workload:  &eventpb.Workload{Image: "nginx", Labels: map[string]string{"app": "web"}},
	}
}

// hostile has every text filled with s.
func hostile(s string, n int) *eventpb.Event {
	e := typical()
	var fill func(protoreflect.Message)
	fill = func(m protoreflect.Message) {
		fields := m.Descriptor().Fields()
		for i := range fields.Len() {
			f := fields.Get(i)
			switch {
			case f.IsMap() && f.MapValue().Kind() == protoreflect.StringKind:
				for j := range n {
					m.Mutable(f).Map().Set(protoreflect.ValueOfString(s+fmt.Sprint(j)).MapKey(), protoreflect.ValueOfString(s))
				}
			case f.IsList() && f.Kind() == protoreflect.StringKind:
				for range n {
					m.Mutable(f).List().Append(protoreflect.ValueOfString(s))
				}
			case f.IsList() && f.Message() != nil:
				for range n {
					x := m.Mutable(f).List().NewElement()
					fill(x.Message())
					m.Mutable(f).List().Append(x)
				}
			case f.IsMap():
			case f.Message() != nil && f.ContainingOneof() == nil:
				fill(m.Mutable(f).Message())
			case f.Kind() == protoreflect.StringKind:
				m.Set(f, protoreflect.ValueOfString(s))
			}
		}
	}
	fill(e.ProtoReflect())
	fill(e.GetFile().ProtoReflect())
	return e
}

func TestCleanEventLeavesGoodAlone(t *testing.T) {
	e := typical()
	want := proto.CloneOf(e)
	if n := testing.AllocsPerRun(100, func() { CleanEvent(e) }); n > 2 { // proto.Size, for the map of labels
		t.Errorf("%v allocations", n)
	}
	if d := cmp.Diff(want, e, protocmp.Transform()); d != "" {
		t.Error(d)
	}
}

// TestCleanEvent: whatever a program puts into its argv or environment, its
// event can be sent, fits, and can be stored.
func TestCleanEvent(t *testing.T) {
	for name, e := range map[string]*eventpb.Event{
		"bad UTF-8": hostile("a\xffb", 3),
		"NUL":       hostile("a\x00b", 3),
		"long":      hostile(strings.Repeat("日", 20_000), 40),
		"many":      hostile("x", 400),
		"empty":     {},
		"nil parts": {Ancestors: []*eventpb.Process{nil}, Object: &eventpb.Event_File{}},
	} {
		t.Run(name, func(t *testing.T) {
			CleanEvent(e)
			b, err := proto.Marshal(e)
			if err != nil {
				t.Fatalf("cannot be sent: %v", err)
			}
			if len(b) > MaxEvent {
				t.Errorf("has %d bytes, at most %d", len(b), MaxEvent)
			}
			if strings.Contains(string(b), "a\x00b") {
				t.Error("holds NUL")
			}
			if name != "empty" && name != "nil parts" && name != "NUL" && e.Process.Exe == "" {
				t.Error("has lost its process")
			}
		})
	}
}

func FuzzCleanEvent(f *testing.F) {
	b, _ := proto.Marshal(typical())
	f.Add(b, "a\xff\x00")
	f.Add([]byte{}, strings.Repeat("é", 3000))
	f.Fuzz(func(t *testing.T, data []byte, s string) {
		var e eventpb.Event
		if proto.Unmarshal(data, &e) != nil {
			e = eventpb.Event{}
		}
		e.Reason = s
		e.Process = &eventpb.Process{Args: []string{s, s + s}, Exe: s}
		e.Attributes = map[string]string{s: s}
		CleanEvent(&e)
		out, err := proto.Marshal(&e)
		if err != nil || len(out) > MaxEvent {
			t.Fatalf("%d bytes, %v", len(out), err)
		}
		if !utf8.ValidString(e.Reason) || strings.ContainsRune(e.Reason, 0) || len(e.Reason) > MaxText {
			t.Fatalf("reason %q", e.Reason)
		}
	})
}

func TestValidatePush(t *testing.T) {
	ev := func(seq uint64) *eventpb.Event { return &eventpb.Event{Id: "id", Sequence: seq} }
	many := make([]*eventpb.Event, MaxBatch+1)
	for i := range many {
		many[i] = ev(uint64(i + 1))
	}
	for name, tt := range map[string]struct {
		m  *wirepb.PushEventsRequest
		ok bool
	}{
		"good":         {&wirepb.PushEventsRequest{BootId: "b", Events: []*eventpb.Event{ev(1), ev(2), ev(9)}}, true},
		"nil":          {nil, false},
		"no boot":      {&wirepb.PushEventsRequest{Events: []*eventpb.Event{ev(1)}}, false},
		"bad boot":     {&wirepb.PushEventsRequest{BootId: "a/b", Events: []*eventpb.Event{ev(1)}}, false},
		"none":         {&wirepb.PushEventsRequest{BootId: "b"}, false},
		"full":         {&wirepb.PushEventsRequest{BootId: "b", Events: many[:MaxBatch]}, true},
		"too many":     {&wirepb.PushEventsRequest{BootId: "b", Events: many}, false},
		"no sequence":  {&wirepb.PushEventsRequest{BootId: "b", Events: []*eventpb.Event{ev(0)}}, false},
		"same":         {&wirepb.PushEventsRequest{BootId: "b", Events: []*eventpb.Event{ev(1), ev(1)}}, false},
		"descending":   {&wirepb.PushEventsRequest{BootId: "b", Events: []*eventpb.Event{ev(2), ev(1)}}, false},
		"absurd":       {&wirepb.PushEventsRequest{BootId: "b", Events: []*eventpb.Event{ev(1 << 63)}}, false},
		"nil event":    {&wirepb.PushEventsRequest{BootId: "b", Events: []*eventpb.Event{nil}}, false},
		"no id":        {&wirepb.PushEventsRequest{BootId: "b", Events: []*eventpb.Event{{Sequence: 1}}}, false},
		"another boot": {&wirepb.PushEventsRequest{BootId: "b", Events: []*eventpb.Event{{Id: "i", Sequence: 1, BootId: "c"}}}, false},
	} {
		if err := ValidatePush(tt.m); (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestValidateOthers(t *testing.T) {
	bad := map[string]error{
		"enroll nil":         ValidateEnroll(nil),
		"enroll no token":    ValidateEnroll(&wirepb.EnrollRequest{Kind: KindMicro, Csr: []byte{1}}),
		"enroll long token":  ValidateEnroll(&wirepb.EnrollRequest{Token: strings.Repeat("a", MaxToken+1), Kind: KindMicro, Csr: []byte{1}}),
		"enroll odd token":   ValidateEnroll(&wirepb.EnrollRequest{Token: "a\nb", Kind: KindMicro, Csr: []byte{1}}),
		"enroll kind":        ValidateEnroll(&wirepb.EnrollRequest{Token: "a", Kind: "mega", Csr: []byte{1}}),
		"enroll no csr":      ValidateEnroll(&wirepb.EnrollRequest{Token: "a", Kind: KindMicro}),
		"renew nil":          ValidateRenew(nil),
		"renew long":         ValidateRenew(&wirepb.RenewRequest{Csr: make([]byte, MaxCSR+1)}),
		"heartbeat nil":      ValidateHeartbeat(nil),
		"heartbeat controls": ValidateHeartbeat(&wirepb.HeartbeatRequest{BootId: "b", Controls: make([]*wirepb.ControlStatus, MaxControls+1)}),
		"heartbeat nil one":  ValidateHeartbeat(&wirepb.HeartbeatRequest{BootId: "b", Controls: []*wirepb.ControlStatus{nil}}),
		"heartbeat state":    ValidateHeartbeat(&wirepb.HeartbeatRequest{BootId: "b", Controls: []*wirepb.ControlStatus{{Control: "drift", State: "fine"}}}),
		"pull nil":           ValidatePull(nil),
		"pull nonce":         ValidatePull(&wirepb.PullBundleRequest{Nonce: []byte{1}}),
		"enrolled nil":       ValidateEnrolled(nil),
	}
	for name, err := range bad {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := &wirepb.PullBundleRequest{Nonce: make([]byte, NonceSize), WaitSeconds: 1 << 30}
	if err := ValidatePull(m); err != nil || m.WaitSeconds != 55 {
		t.Errorf("wait: %v, %d s", err, m.WaitSeconds)
	}
	h := &wirepb.HeartbeatRequest{BootId: "b", Hostname: "h\x00", Controls: []*wirepb.ControlStatus{{Control: "drift", State: "unavailable", Reason: strings.Repeat("x", 9999)}}}
	if err := ValidateHeartbeat(h); err != nil || len(h.Controls[0].Reason) != MaxText || strings.ContainsRune(h.Hostname, 0) {
		t.Errorf("heartbeat: %v, %q", err, h.Hostname)
	}
}

// FuzzValidate decodes garbage as each request and validates it.
func FuzzValidate(f *testing.F) {
	b, _ := proto.Marshal(&wirepb.PushEventsRequest{BootId: "b", Events: []*eventpb.Event{typical()}})
	f.Add(b)
	b, _ = proto.Marshal(&wirepb.HeartbeatRequest{BootId: "b", Facilities: map[string]string{"a": "b"}})
	f.Add(b)
	b, _ = proto.Marshal(&wirepb.EnrollRequest{Token: "t", Kind: KindMicro, Csr: []byte{1}})
	f.Add(b)
	f.Fuzz(func(t *testing.T, data []byte) {
		try(data, ValidateEnroll)
		try(data, ValidateRenew)
		try(data, ValidateHeartbeat)
		try(data, ValidatePull)
		try(data, ValidateEnrolled)
		var m wirepb.PushEventsRequest
		if proto.Unmarshal(data, &m) == nil && ValidatePush(&m) == nil {
			for _, e := range m.Events {
				if proto.Size(e) > MaxEvent {
					t.Fatalf("event of %d bytes", proto.Size(e))
				}
			}
		}
	})
}

func try[T any, P interface {
	*T
	proto.Message
}](data []byte, validate func(P) error) {
	m := P(new(T))
	if proto.Unmarshal(data, m) == nil {
		_ = validate(m)
	}
}
