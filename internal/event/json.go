package event

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sort"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/limpet-security/limpet/internal/event/eventpb"
)

// JSON encodes an event as one line of JSON without a newline: lowerCamel
// keys, enumerations by name, 64-bit numbers as strings (protobuf's JSON
// mapping, of which events use the part without floats and well-known types;
// protojson would be a hundredth of the enforcer's binary). The same event
// gives the same bytes.
func JSON(e *eventpb.Event) ([]byte, error) {
	var b bytes.Buffer
	if err := writeMessage(&b, e.ProtoReflect()); err != nil {
		return nil, fmt.Errorf("cannot encode event: %w", err)
	}
	return b.Bytes(), nil
}

func writeMessage(b *bytes.Buffer, m protoreflect.Message) error {
	b.WriteByte('{')
	fields := m.Descriptor().Fields()
	n := 0
	for i := range fields.Len() {
		f := fields.Get(i)
		if !m.Has(f) {
			continue
		}
		comma(b, n)
		n++
		if err := writeString(b, f.JSONName()); err != nil {
			return err
		}
		b.WriteByte(':')
		if err := writeField(b, f, m.Get(f)); err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	b.WriteByte('}')
	return nil
}

func writeField(b *bytes.Buffer, f protoreflect.FieldDescriptor, v protoreflect.Value) error {
	switch {
	case f.IsList():
		b.WriteByte('[')
		for i := range v.List().Len() {
			comma(b, i)
			if err := writeValue(b, f, v.List().Get(i)); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	case f.IsMap():
		return writeMap(b, f, v.Map())
	}
	return writeValue(b, f, v)
}

func writeMap(b *bytes.Buffer, f protoreflect.FieldDescriptor, m protoreflect.Map) error {
	var keys []protoreflect.MapKey
	m.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool { keys = append(keys, k); return true })
	sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
	b.WriteByte('{')
	for i, k := range keys {
		comma(b, i)
		if err := writeString(b, k.String()); err != nil {
			return err
		}
		b.WriteByte(':')
		if err := writeValue(b, f.MapValue(), m.Get(k)); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

func writeValue(b *bytes.Buffer, f protoreflect.FieldDescriptor, v protoreflect.Value) error {
	switch f.Kind() {
	case protoreflect.MessageKind:
		return writeMessage(b, v.Message())
	case protoreflect.StringKind:
		return writeString(b, v.String())
	case protoreflect.BytesKind:
		return writeString(b, base64.StdEncoding.EncodeToString(v.Bytes()))
	case protoreflect.BoolKind:
		b.WriteString(strconv.FormatBool(v.Bool()))
	case protoreflect.EnumKind:
		if d := f.Enum().Values().ByNumber(v.Enum()); d != nil {
			return writeString(b, string(d.Name()))
		}
		b.WriteString(strconv.Itoa(int(v.Enum())))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		b.WriteString(strconv.FormatInt(v.Int(), 10))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		b.WriteString(strconv.FormatUint(v.Uint(), 10))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return writeString(b, strconv.FormatInt(v.Int(), 10))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return writeString(b, strconv.FormatUint(v.Uint(), 10))
	default:
		return fmt.Errorf("values of kind %v are not written", f.Kind())
	}
	return nil
}

func comma(b *bytes.Buffer, i int) {
	if i > 0 {
		b.WriteByte(',')
	}
}

func writeString(b *bytes.Buffer, s string) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // Encode ends with a newline
	return nil
}
