package policy

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestCatalogueIsComplete holds that every control constant has an entry, a
// field, a description and a technique, and nothing else does.
func TestCatalogueIsComplete(t *testing.T) {
	names := fieldsOf(reflect.TypeFor[Controls]()).names
	ids := ControlIDs()
	for _, id := range ids {
		if !slices.Contains(names, string(id)) {
			t.Errorf("%s has no field in Controls", id)
		}
	}
	if len(names) != len(ids) {
		t.Errorf("%d fields, %d controls", len(names), len(ids))
	}
	seen := map[ControlID]bool{}
	for _, c := range Registry() {
		if seen[c.ID] || c.Title == "" || c.Description == "" || !regexp.MustCompile(`^T\d{4}(\.\d{3})?$`).MatchString(c.Technique) {
			t.Errorf("%+v", c)
		}
		seen[c.ID] = true
		if !c.Fixed && (len(c.Fields) < 2 || c.Fields[0].Name != "mode" || c.Fields[1].Name != "response") {
			t.Errorf("%s: fields %+v", c.ID, c.Fields)
		}
		for _, f := range c.Fields {
			checkField(t, string(c.ID), f)
		}
	}
	for _, id := range []ControlID{AllowedExecutables, DeniedExecutables, Drift, Fileless, PackageManagers, ReverseShell, ProcessLimit, Outbound,
		Metadata, SocketFamilies, Namespaces, Mounts, KernelInterfaces, Injection, PrivilegeChange, SetuidBinaries, SelfProtection} {
		if !id.Available() {
			t.Errorf("%s is not available", id)
		}
	}
	if ControlID("x").Known() || ControlID("x").Available() || ControlID("x").Title() != "x" {
		t.Error("an unknown control is known")
	}
}

func checkField(t *testing.T, at string, f FieldInfo) {
	t.Helper()
	at += "." + f.Name
	if f.Description == "" || !strings.HasSuffix(f.Description, ".") {
		t.Errorf("%s: description %q", at, f.Description)
	}
	if f.Type == "list" && f.Maximum == 0 {
		t.Errorf("%s: a list without bound", at)
	}
	if f.Type == "integer" && (f.Minimum == nil || f.Maximum == 0) {
		t.Errorf("%s: a number without bounds", at)
	}
	for _, sub := range f.Fields {
		checkField(t, at, sub)
	}
}

// TestSchemaAgreesWithParse holds documents against both. The schema cannot
// say all that Parse checks, but must refuse wrong keys, types and words, and
// accept what Parse accepts.
func TestSchemaAgreesWithParse(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal(JSONSchema(), &schema); err != nil {
		t.Fatal(err)
	}
	all, err := everything().YAML()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		doc string
		ok  bool
	}{
		"default":      {string(defaultYAML), true},
		"everything":   {string(all), true},
		"minimal":      {head + "  controls: {drift: {mode: audit}}\n", true},
		"unknown key":  {head + "  controls: {drift: {mode: audit, x: 1}}\n", false},
		"unknown mode": {head + "  controls: {drift: {mode: loud}}\n", false},
		"no mode":      {head + "  controls: {drift: {}}\n", false},
		"bad glob":     {head + "  controls: {drift: {mode: audit, allowedPaths: [a]}}\n", false},
		"bad type":     {head + "  controls: {drift: {mode: audit, allowMoved: 1}}\n", false},
		"bad number":   {head + "  controls: {processLimit: {mode: audit, maxTasks: 0}}\n", false},
		"bad user":     {head + "  controls: {users: {mode: audit, allow: [true]}}\n", false},
		"no spec":      {"apiVersion: limpet.dev/v1\nkind: RuntimePolicy\nmetadata: {name: p}\n", false},
		"wrong kind":   {strings.Replace(string(defaultYAML), "RuntimePolicy", "Policy", 1), false},
	} {
		var v any
		if err := yaml.Unmarshal([]byte(tt.doc), &v); err != nil {
			t.Fatal(err)
		}
		err := validate(schema, schema, v, "")
		if (err == nil) != tt.ok {
			t.Errorf("%s: schema says %v", name, err)
		}
		if _, perr := Parse([]byte(tt.doc)); perr == nil && err != nil || !tt.ok && perr == nil {
			t.Errorf("%s: Parse says %v, schema says %v", name, perr, err)
		}
	}
}

// validate is the part of JSON Schema that our schema uses.
func validate(root, s map[string]any, v any, at string) error {
	if ref, ok := s["$ref"].(string); ok {
		def, ok := root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
		if !ok {
			return fmt.Errorf("%s: no definition %s", at, ref)
		}
		return validate(root, def, v, at)
	}
	if c, ok := s["const"]; ok && c != v {
		return fmt.Errorf("%s: %v is not %v", at, v, c)
	}
	if e, ok := s["enum"].([]any); ok && !slices.Contains(e, v) {
		return fmt.Errorf("%s: %v is not one of %v", at, v, e)
	}
	kind := map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Float64: "number",
		reflect.Map: "object", reflect.Slice: "array"}[reflect.ValueOf(v).Kind()]
	switch want := s["type"].(type) {
	case string:
		if want != kind {
			return fmt.Errorf("%s: %s is not %s", at, kind, want)
		}
	case []any:
		if !slices.Contains(want, any(kind)) {
			return fmt.Errorf("%s: %s is none of %v", at, kind, want)
		}
	}
	switch x := v.(type) {
	case string:
		if p, ok := s["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(x) {
			return fmt.Errorf("%s: %q does not match %s", at, x, p)
		}
	case int:
		if lo, ok := s["minimum"].(float64); ok && float64(x) < lo || float64(x) > number(s["maximum"]) {
			return fmt.Errorf("%s: %d is out of range", at, x)
		}
	case []any:
		if float64(len(x)) > number(s["maxItems"]) {
			return fmt.Errorf("%s: too many", at)
		}
		for i, e := range x {
			if err := validate(root, s["items"].(map[string]any), e, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case map[string]any:
		props, _ := s["properties"].(map[string]any)
		required, _ := s["required"].([]any)
		for _, r := range required {
			if _, ok := x[r.(string)]; !ok {
				return fmt.Errorf("%s: %s is missing", at, r)
			}
		}
		for k, e := range x {
			p, ok := props[k].(map[string]any)
			if !ok {
				if p, ok = s["additionalProperties"].(map[string]any); !ok {
					return fmt.Errorf("%s: unknown key %s", at, k)
				}
			}
			if err := validate(root, p, e, at+"."+k); err != nil {
				return err
			}
		}
	}
	return nil
}

func number(v any) float64 {
	if f, ok := v.(float64); ok {
		return f
	}
	return math.Inf(1)
}
