package policy

import (
	"encoding/json"
	"reflect"
	"sync"
	"time"
)

// SchemaID is the identifier of the published JSON Schema.
const SchemaID = "https://limpet.dev/schemas/runtimepolicy.json"

// JSONSchema gives the JSON Schema (draft 2020-12) of the document, made from
// the same table that Parse reads by. runtimepolicy.schema.json is a copy.
func JSONSchema() []byte { return append([]byte(nil), makeSchema()...) }

var makeSchema = sync.OnceValue(func() []byte {
	return schemaOf(reflect.TypeFor[RuntimePolicy](), KindRuntime, SchemaID, "Limpet runtime policy")
})

func schemaOf(t reflect.Type, kind, id, title string) []byte {
	s := &schemaMaker{defs: map[string]any{}}
	root := s.object(t)
	props := root["properties"].(map[string]any)
	props["apiVersion"] = map[string]any{"const": APIVersion}
	props["kind"] = map[string]any{"const": kind}
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = id
	root["title"] = title
	root["$defs"] = s.defs
	data, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // maps of strings and numbers
	}
	return append(data, '\n')
}

type schemaMaker struct{ defs map[string]any }

func (s *schemaMaker) object(t reflect.Type) map[string]any {
	props := map[string]any{}
	required := []string{}
	for _, f := range fieldsOf(t).list {
		p := s.value(f.typ, f)
		if id := ControlID(f.name); t == reflect.TypeFor[Controls]() {
			p["title"] = id.Title()
			p["description"] = catalogue[id.Order()].about
			if !id.Available() {
				p["description"] = catalogue[id.Order()].about + " Not available yet: it is read and checked, and reported as unavailable."
			}
		} else if f.doc != "" {
			p["description"] = f.doc
		}
		props[f.name] = p
		if f.required {
			required = append(required, f.name)
		}
	}
	o := map[string]any{"type": "object", "additionalProperties": false, "properties": props}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

func (s *schemaMaker) value(t reflect.Type, f field) map[string]any {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "anyOf": []any{map[string]any{"format": "date-time"}, map[string]any{"format": "date"}}}
	case isText(t) || t.Kind() == reflect.String:
		return s.word(t)
	case t.Kind() == reflect.Slice:
		o := map[string]any{"type": "array", "items": s.value(t.Elem(), field{})}
		if f.max > 0 {
			o["maxItems"] = f.max
		}
		return o
	case t.Kind() == reflect.Map:
		return map[string]any{"type": "object", "maxProperties": maxLabels, "additionalProperties": map[string]any{"type": "string", "maxLength": maxString}}
	case t.Kind() == reflect.Bool:
		return map[string]any{"type": "boolean"}
	case t.Kind() == reflect.Int, t.Kind() == reflect.Float64:
		o := map[string]any{"type": "integer"}
		if t.Kind() == reflect.Float64 {
			o["type"] = "number"
		}
		if f.hasMin {
			o["minimum"] = f.min
		}
		if f.max > 0 {
			o["maximum"] = f.max
		}
		return o
	}
	name := t.Name()
	if _, ok := s.defs[name]; !ok {
		s.defs[name] = nil // a type may hold itself
		s.defs[name] = s.object(t)
	}
	return map[string]any{"$ref": "#/$defs/" + name}
}

// word gives the schema of a string with a form or a set of values.
func (s *schemaMaker) word(t reflect.Type) map[string]any {
	o := map[string]any{"type": "string", "maxLength": maxString}
	if values := enum(t); values != nil {
		return map[string]any{"type": "string", "enum": values}
	}
	switch format(t) {
	case "glob":
		o["pattern"] = "^/"
	case "socketPath":
		o["pattern"] = "^[/@]"
	case "name":
		o["pattern"] = "^[^/]+$"
	case "digest":
		o["pattern"] = "^sha256:[0-9a-fA-F]{64}$"
		delete(o, "maxLength")
	case "publicKey":
		o["pattern"] = "^[A-Za-z0-9+/]{43,60}=?$"
	case "policyWord":
		o["pattern"] = "^[a-z0-9][a-z0-9.-]{0,62}(@[0-9]{1,9})?$"
	case "cidr":
		o["pattern"] = "^[0-9a-fA-F:.]+(/[0-9]{1,3})?$"
	case "syscall":
		o["pattern"] = "^[a-z0-9_]{1,64}$"
	case "user":
		return map[string]any{"type": []string{"string", "integer"}, "minLength": 1, "minimum": 0, "maximum": uint32(MaxUser)}
	case "ports":
		return map[string]any{"type": []string{"string", "integer"}, "pattern": "^ *[0-9]{1,5} *(- *[0-9]{1,5} *)?$", "minimum": 1, "maximum": 65535}
	}
	return o
}
