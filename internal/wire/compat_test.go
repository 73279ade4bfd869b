package wire

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/wire/wirepb"
)

const released = "testdata/limpet.wire.v1.binpb"

var release = flag.Bool("release-protocol", false, "write "+released+": done once for each release, after TestCompatible has passed")

// present is the protocol as this tree has it.
func present() *descriptorpb.FileDescriptorSet {
	return &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{
		protodesc.ToFileDescriptorProto(eventpb.File_internal_event_event_proto),
		protodesc.ToFileDescriptorProto(wirepb.File_internal_wire_wire_proto),
	}}
}

// TestCompatible compares limpet.wire.v1 with its last release: nothing that
// enforcers in the field use may be taken away, renumbered or retyped.
func TestCompatible(t *testing.T) {
	b, err := os.ReadFile(released)
	if err != nil && !(*release && errors.Is(err, fs.ErrNotExist)) {
		t.Fatal(err)
	}
	var old descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(b, &old); err != nil {
		t.Fatal(err)
	}
	problems, err := breaks(&old, present())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
	if *release && !t.Failed() {
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(present())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(released, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCompatibleNotices breaks the protocol in each way that must be noticed.
func TestCompatibleNotices(t *testing.T) {
	msg := func(s *descriptorpb.FileDescriptorSet, name string) *descriptorpb.DescriptorProto {
		for _, f := range s.File {
			for _, m := range f.MessageType {
				if m.GetName() == name {
					return m
				}
			}
		}
		t.Fatalf("no message %s", name)
		return nil
	}
	for name, change := range map[string]func(*descriptorpb.FileDescriptorSet){
		"field removed":    func(s *descriptorpb.FileDescriptorSet) { m := msg(s, "RenewResponse"); m.Field = m.Field[1:] },
		"field renumbered": func(s *descriptorpb.FileDescriptorSet) { msg(s, "RenewResponse").Field[0].Number = proto.Int32(9) },
		"field retyped": func(s *descriptorpb.FileDescriptorSet) {
			msg(s, "RenewRequest").Field[0].Type = descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum()
		},
		"field made repeated": func(s *descriptorpb.FileDescriptorSet) {
			msg(s, "RenewRequest").Field[0].Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		},
		"message of a field changed": func(s *descriptorpb.FileDescriptorSet) {
			msg(s, "EnrollRequest").Field[5].TypeName = proto.String(".limpet.event.v1.Process")
		},
		"message removed": func(s *descriptorpb.FileDescriptorSet) {
			m := msg(s, "ControlStatus")
			m.Name = proto.String("Other")
			msg(s, "HeartbeatRequest").Field[4].TypeName = proto.String(".limpet.wire.v1.Other")
		},
		"enum value renumbered": func(s *descriptorpb.FileDescriptorSet) { s.File[0].EnumType[0].Value[2].Number = proto.Int32(77) },
		"method removed":        func(s *descriptorpb.FileDescriptorSet) { s.File[1].Service[0].Method = s.File[1].Service[0].Method[1:] },
		"method's answer changed": func(s *descriptorpb.FileDescriptorSet) {
			s.File[1].Service[0].Method[0].OutputType = proto.String(".limpet.wire.v1.RenewResponse")
		},
	} {
		t.Run(name, func(t *testing.T) {
			next := proto.CloneOf(present())
			change(next)
			if p, err := breaks(present(), next); err != nil || len(p) == 0 {
				t.Errorf("not noticed (%v)", err)
			}
		})
	}
}

// breaks lists what next took away from old.
func breaks(old, next *descriptorpb.FileDescriptorSet) (problems []string, err error) {
	was, err := protodesc.NewFiles(old)
	if err != nil {
		return nil, fmt.Errorf("cannot read the released protocol: %w", err)
	}
	is, err := protodesc.NewFiles(next)
	if err != nil {
		return nil, fmt.Errorf("cannot read the present protocol: %w", err)
	}
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	was.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Messages().Len() {
			messageBreaks(f.Messages().Get(i), is, say)
		}
		for i := range f.Enums().Len() {
			e := f.Enums().Get(i)
			d, _ := is.FindDescriptorByName(e.FullName())
			now, ok := d.(protoreflect.EnumDescriptor)
			if !ok {
				say("enum %s is gone", e.FullName())
				continue
			}
			for j := range e.Values().Len() {
				v := e.Values().Get(j)
				if w := now.Values().ByNumber(v.Number()); w == nil || w.Name() != v.Name() {
					say("%s = %d is gone or renamed", v.FullName(), v.Number())
				}
			}
		}
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			d, _ := is.FindDescriptorByName(s.FullName())
			now, ok := d.(protoreflect.ServiceDescriptor)
			if !ok {
				say("service %s is gone", s.FullName())
				continue
			}
			for j := range s.Methods().Len() {
				m := s.Methods().Get(j)
				n := now.Methods().ByName(m.Name())
				if n == nil || n.Input().FullName() != m.Input().FullName() || n.Output().FullName() != m.Output().FullName() ||
					n.IsStreamingClient() != m.IsStreamingClient() || n.IsStreamingServer() != m.IsStreamingServer() {
					say("method %s is gone or changed", m.FullName())
				}
			}
		}
		return true
	})
	return problems, nil
}

func messageBreaks(m protoreflect.MessageDescriptor, is *protoregistry.Files, say func(string, ...any)) {
	d, _ := is.FindDescriptorByName(m.FullName())
	now, ok := d.(protoreflect.MessageDescriptor)
	if !ok {
		say("message %s is gone", m.FullName())
		return
	}
	kind := func(f protoreflect.FieldDescriptor) string {
		k := fmt.Sprintf("%s %s", f.Cardinality(), f.Kind())
		if f.Message() != nil {
			k += " " + string(f.Message().FullName())
		}
		if f.Enum() != nil {
			k += " " + string(f.Enum().FullName())
		}
		return k
	}
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		g := now.Fields().ByNumber(f.Number())
		switch {
		case g == nil:
			say("field %s = %d is gone", f.FullName(), f.Number())
		case g.Name() != f.Name():
			say("field %s = %d is now %s", f.FullName(), f.Number(), g.Name())
		case kind(f) != kind(g):
			say("field %s was %s and is %s", f.FullName(), kind(f), kind(g))
		}
	}
	for i := range m.Messages().Len() {
		messageBreaks(m.Messages().Get(i), is, say)
	}
}
