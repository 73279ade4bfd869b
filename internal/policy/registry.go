package policy

import (
	"encoding"
	"reflect"
	"time"
)

// ControlInfo describes a control for forms and documents.
type ControlInfo struct {
	ID          ControlID   `json:"id"`
	Title       string      `json:"title"`
	Category    Category    `json:"category"`
	Description string      `json:"description"`
	Technique   string      `json:"technique,omitempty"` // MITRE ATT&CK
	Available   bool        `json:"available"`           // judged and enforced by the MicroEnforcer today
	Fixed       bool        `json:"fixed,omitempty"`     // always enforced, no policy sets it
	Needs       []Need      `json:"needs,omitempty"`
	Example     string      `json:"example,omitempty"` // YAML of the control's settings
	Fields      []FieldInfo `json:"fields"`            // mode and response included
}

// FieldInfo describes one key of a control or of a rule.
type FieldInfo struct {
	Name        string      `json:"name"`
	Type        string      `json:"type"`             // string, boolean, integer, number, list, object
	Items       string      `json:"items,omitempty"`  // type of a list's entries: string or object
	Format      string      `json:"format,omitempty"` // of the string or of a list's strings
	Enum        []string    `json:"enum,omitempty"`   // of the string or of a list's strings
	Description string      `json:"description,omitempty"`
	Required    bool        `json:"required,omitempty"`
	Available   bool        `json:"available"` // false: read and checked, not judged yet
	Minimum     *int        `json:"minimum,omitempty"`
	Maximum     int         `json:"maximum,omitempty"` // of a number, or entries of a list
	Fields      []FieldInfo `json:"fields,omitempty"`  // keys of an object or of a list's objects
}

// Registry describes every control in the order of forms.
func Registry() []ControlInfo {
	controls := fieldsOf(reflect.TypeFor[Controls]())
	out := make([]ControlInfo, 0, len(catalogue))
	for _, e := range catalogue {
		info := ControlInfo{ID: e.id, Title: e.title, Category: e.category, Description: e.about, Technique: e.technique,
			Available: e.available, Fixed: e.id == SelfProtection, Needs: e.needs, Fields: []FieldInfo{}}
		if f, ok := controls.byName[string(e.id)]; ok {
			info.Fields = describe(f.typ.Elem(), e.available)
		}
		out = append(out, info)
	}
	return out
}

// ExceptionFields describes the keys of an exception.
func ExceptionFields() []FieldInfo { return describe(reflect.TypeFor[Exception](), true) }

// FieldsOf describes the keys of a document that Decode reads, or of a part of it.
func FieldsOf[T any]() []FieldInfo { return FieldsOfType(reflect.TypeFor[T]()) }

// FieldsOfType is FieldsOf for a type that is known at run time only.
func FieldsOfType(t reflect.Type) []FieldInfo { return describe(t, true) }

func describe(t reflect.Type, available bool) []FieldInfo {
	var out []FieldInfo
	for _, f := range fieldsOf(t).list {
		info := FieldInfo{Name: f.name, Description: f.doc, Required: f.required, Available: available && !f.soon, Maximum: f.max}
		if f.hasMin {
			info.Minimum = &f.min
		}
		ft := f.typ
		if ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		switch {
		case ft.Kind() == reflect.Slice && !isText(ft):
			info.Type = "list"
			if el := ft.Elem(); el.Kind() == reflect.Struct && !isText(el) {
				info.Items, info.Fields = "object", describe(el, info.Available)
			} else {
				info.Items, info.Format, info.Enum = "string", format(el), enum(el)
			}
		case ft.Kind() == reflect.Map:
			info.Type, info.Format = "object", "labels"
		case ft.Kind() == reflect.Bool:
			info.Type = "boolean"
		case ft.Kind() == reflect.Int:
			info.Type = "integer"
		case ft.Kind() == reflect.Float64:
			info.Type = "number"
		case ft.Kind() == reflect.Struct && !isText(ft):
			info.Type, info.Fields = "object", describe(ft, info.Available)
		default:
			info.Type, info.Format, info.Enum = "string", format(ft), enum(ft)
		}
		out = append(out, info)
	}
	return out
}

func isText(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

// format names the form that a string must have; "" for free text and
// enumerations.
func format(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[Glob]():
		return "glob"
	case reflect.TypeFor[ImageGlob]():
		return "imageGlob"
	case reflect.TypeFor[SocketPath]():
		return "socketPath"
	case reflect.TypeFor[Name]():
		return "name"
	case reflect.TypeFor[User]():
		return "user"
	case reflect.TypeFor[CIDR]():
		return "cidr"
	case reflect.TypeFor[DNSName]():
		return "dnsName"
	case reflect.TypeFor[SyscallName]():
		return "syscall"
	case reflect.TypeFor[Ports]():
		return "ports"
	case reflect.TypeFor[Digest]():
		return "digest"
	case reflect.TypeFor[PublicKey]():
		return "publicKey"
	case reflect.TypeFor[PolicyWord]():
		return "policyWord"
	case reflect.TypeFor[time.Time]():
		return "time"
	}
	return ""
}

func enum(t reflect.Type) []string {
	return valuesOf(reflect.Zero(t).Interface())
}
