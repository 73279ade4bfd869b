package event

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

// TestJSONIsProtobufs fills events at random and compares with protojson.
func TestJSONIsProtobufs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		e := &eventpb.Event{}
		fill(r, e.ProtoReflect(), 0)
		got, err := JSON(e)
		if err != nil {
			t.Fatal(err)
		}
		want, err := protojson.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := canonical(t, got), canonical(t, want); a != b {
			t.Fatalf("got  %s\nwant %s", a, b)
		}
		var back eventpb.Event
		if err := protojson.Unmarshal(got, &back); err != nil || !proto.Equal(e, &back) {
			t.Fatalf("%s\ndoes not read back: %v", got, err)
		}
		if again, _ := JSON(e); !bytes.Equal(got, again) {
			t.Fatal("the same event gave other bytes")
		}
	}
}

// canonical takes spaces and the spelling of characters out of the comparison.
func canonical(t *testing.T, b []byte) string {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	out, _ := json.Marshal(v)
	return string(out)
}

func fill(r *rand.Rand, m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if r.IntN(3) == 0 || depth > 3 && f.Kind() == protoreflect.MessageKind {
			continue
		}
		switch {
		case f.IsList():
			l := m.Mutable(f).List()
			for range r.IntN(3) {
				if f.Kind() == protoreflect.MessageKind {
					fill(r, l.AppendMutable().Message(), depth+1)
				} else {
					l.Append(scalar(r, f))
				}
			}
		case f.IsMap():
			for range r.IntN(4) {
				m.Mutable(f).Map().Set(scalar(r, f.MapKey()).MapKey(), scalar(r, f.MapValue()))
			}
		case f.Kind() == protoreflect.MessageKind:
			fill(r, m.Mutable(f).Message(), depth+1)
		default:
			m.Set(f, scalar(r, f))
		}
	}
}

func scalar(r *rand.Rand, f protoreflect.FieldDescriptor) protoreflect.Value {
	texts := []string{"", "x", "a \"quoted\" \\ line\nwith\x00 \x7f <html> & \u2028 ü 日", "\U0001F41A"}
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(texts[r.IntN(len(texts))])
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(texts[r.IntN(len(texts))]))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(r.IntN(2) == 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(r.IntN(f.Enum().Values().Len() + 2)))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(r.Uint32()))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(r.Uint32())
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(r.Uint64()))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(r.Uint64())
	}
	panic("a kind that JSON does not know: " + f.Kind().String())
}
