package events

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"path"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/limpet-security/limpet/controlplane/store"
	"github.com/limpet-security/limpet/internal/event/eventpb"
	"github.com/limpet-security/limpet/internal/profile"
)

// Cause gives the root cause of an event that broke a rule: policy, image,
// rule, program and class of object. Events of one cause are one finding,
// whatever their process ids, ports of the near end and made-up names. nil: the
// event broke no rule.
func Cause(e *eventpb.Event, image, digest string) *store.Finding {
	if e.Verdict != eventpb.Verdict_VERDICT_AUDIT && e.Verdict != eventpb.Verdict_VERDICT_DENY || e.Control == "" {
		return nil
	}
	f := &store.Finding{
		Control: e.Control, Rule: cutText(e.Rule), Policy: cutText(e.Policy), Image: cutText(image), ImageDigest: cutText(digest),
		Kind: Word(e.Kind), Technique: e.Technique, State: store.FindingOpen, Version: 1,
		Executable: cutText(profile.Path(e.Process.GetExe())),
	}
	if file := e.GetFile(); file != nil && e.Kind == eventpb.Kind_KIND_EXEC {
		f.Executable = cutText(profile.Path(first(file.Path, file.Requested)))
	} else {
		f.Object = cutText(class(e))
	}
	h := sha256.New()
	for _, s := range []string{f.Policy, f.Control, first(f.ImageDigest, f.Image), f.Rule, f.Executable, f.Object} {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(s))))
		h.Write([]byte(s))
	}
	f.Item = int64(binary.BigEndian.Uint64(h.Sum(nil))>>1) | 1 // never 0, which is no finding
	return f
}

// FindingID writes the number of a finding as the API shows it.
func FindingID(n int64) string { return strconv.FormatInt(n, 36) }

// ParseFindingID reads it; 0 if it is none.
func ParseFindingID(s string) int64 {
	n, err := strconv.ParseInt(s, 36, 64)
	if err != nil || n <= 0 {
		return 0
	}
	return n
}

const maxCause = 512

func cutText(s string) string {
	if len(s) > maxCause {
		s = s[:maxCause]
	}
	return strings.ToValidUTF8(s, "?")
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// class says what kind of object was acted upon: the folder of a file, the
// network of an address with its port, the system call.
func class(e *eventpb.Event) string {
	switch o := e.Object.(type) {
	case *eventpb.Event_File:
		p := profile.Path(first(o.File.Path, o.File.Requested))
		if profile.Wild(p) {
			p = path.Dir(p) + "/*"
		}
		return p
	case *eventpb.Event_Network:
		n := o.Network
		if n.Address == "" && n.LocalAddress != "" {
			return "bind " + n.Protocol + " port " + strconv.Itoa(int(n.LocalPort))
		}
		if n.Direction == "inbound" && n.LocalPort != 0 {
			n = proto.CloneOf(n) // the port of the far end says nothing
			n.Port = n.LocalPort
		}
		if n.Address == "" {
			return "socket " + strconv.Itoa(int(n.Domain)) + "/" + strconv.Itoa(int(n.Type)) + "/" + strconv.Itoa(int(n.SocketProtocol))
		}
		a, err := netip.ParseAddr(n.Address)
		if err != nil {
			return n.Protocol + " " + profile.Path(n.Address)
		}
		if p, err := a.Unmap().WithZone("").Prefix(map[bool]int{true: 24, false: 64}[a.Unmap().Is4()]); err == nil {
			return strings.TrimSpace(n.Direction+" "+n.Protocol) + " " + p.String() + " port " + strconv.Itoa(int(n.Port))
		}
	case *eventpb.Event_Call:
		return o.Call.Syscall
	}
	// An object that this version does not know: the name of its first text.
	m := e.ProtoReflect()
	if d := m.WhichOneof(m.Descriptor().Oneofs().ByName("object")); d != nil && d.Kind() == protoreflect.MessageKind {
		name := string(d.Name())
		m.Get(d).Message().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			if f.Kind() == protoreflect.StringKind && !f.IsList() {
				if f.Name() == "name" || f.Name() == "question" || f.Name() == "path" {
					name += " " + domain(v.String())
					return false
				}
			}
			return true
		})
		return name
	}
	return ""
}

// domain is the last two labels of a name: data that is carried in names does
// not make a finding of each.
func domain(s string) string {
	labels := strings.Split(strings.TrimSuffix(strings.ToLower(s), "."), ".")
	if len(labels) > 2 {
		labels = labels[len(labels)-2:]
	}
	return strings.Join(labels, ".")
}
