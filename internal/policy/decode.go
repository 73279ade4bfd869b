package policy

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// decoder turns a tree of YAML nodes into values and remembers where each
// came from. It never expands an alias.
type decoder struct {
	errs    Errors
	unknown Errors                // keys and values that this version does not know
	keys    int                   // how many of them are keys
	kind    string                // of the document
	at      map[string]*yaml.Node // place of every value, by path
	nodes   int
}

func newDecoder(kind string) *decoder {
	return &decoder{kind: kind, at: map[string]*yaml.Node{}}
}

func (d *decoder) fail(n *yaml.Node, path, format string, args ...any) {
	if len(d.errs) == MaxErrors {
		return
	}
	if len(d.errs) == MaxErrors-1 {
		d.errs = append(d.errs, Error{n.Line, n.Column, path, "more errors follow; these come first"})
		return
	}
	d.errs = append(d.errs, Error{n.Line, n.Column, path, fmt.Sprintf(format, args...)})
}

// failAt reports something about the value at a path, or about the nearest
// value around it that the document has.
func (d *decoder) failAt(path, format string, args ...any) {
	for p := path; ; {
		if n, ok := d.at[p]; ok {
			d.fail(n, path, format, args...)
			return
		}
		i := strings.LastIndexAny(p, ".[")
		if i < 0 {
			break
		}
		p = p[:i]
	}
	d.errs = append(d.errs, Error{Path: path, Message: fmt.Sprintf(format, args...)})
}

func (d *decoder) document(n *yaml.Node, p *RuntimePolicy) {
	d.value(n, reflect.ValueOf(p).Elem(), "", 0, field{})
}

// value decodes n into v.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string, depth int, f field) {
	d.nodes++
	switch {
	case d.nodes > MaxNodes:
		if d.nodes == MaxNodes+1 {
			d.fail(n, path, "the document has more than %d values; split the policy", MaxNodes)
		}
		return
	case depth > MaxDepth:
		d.fail(n, path, "nested more than %d levels deep", MaxDepth)
		return
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		d.fail(n, path, "anchors and aliases (& and *) are not accepted; write the value out")
		return
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		d.fail(n, path, "has no value; give one or remove the key")
		return
	case n.Style&yaml.TaggedStyle != 0:
		d.fail(n, path, "type tags such as %s are not accepted", n.Tag)
		return
	}
	d.at[path] = n
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch v.Addr().Interface().(type) {
	case *time.Time:
		d.time(n, v, path)
		return
	case encoding.TextUnmarshaler:
		d.text(n, v, path)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(n, v, path, depth)
	case reflect.Slice:
		d.sequence(n, v, path, depth, f)
	case reflect.Map:
		d.labels(n, v, path)
	case reflect.String:
		d.word(n, v, path)
	case reflect.Bool:
		if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || n.Value != "true" && n.Value != "false" {
			d.fail(n, path, "must be true or false%s", found(n))
			return
		}
		v.SetBool(n.Value == "true")
	case reflect.Int:
		d.number(n, v, path, f)
	case reflect.Float64:
		d.decimal(n, v, path, f)
	default:
		panic("policy: no reader for " + v.Type().String())
	}
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string, depth int) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, path, "must be a mapping of keys to values%s", found(n))
		return
	}
	fields := fieldsOf(v.Type())
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		if !d.key(key, path, seen) {
			continue
		}
		f, ok := fields.byName[key.Value]
		if !ok {
			d.unknownKey(key, join(path, key.Value), path, fields.names)
			continue
		}
		d.value(val, v.FieldByIndex(f.index), join(path, key.Value), depth+1, f)
	}
	for _, f := range fields.list {
		if _, ok := seen[f.name]; f.required && !ok {
			d.fail(n, join(path, f.name), "is missing; %s", f.hint(d.kind))
		}
	}
}

// key checks a key by itself and that it stands only once.
func (d *decoder) key(key *yaml.Node, path string, seen map[string]*yaml.Node) bool {
	switch {
	case key.Kind != yaml.ScalarNode || key.Anchor != "":
		d.fail(key, path, "a key must be plain text")
		return false
	case key.Tag == "!!merge":
		d.fail(key, path, "merge keys (<<) are not accepted; write the values out")
		return false
	}
	if first, dup := seen[key.Value]; dup {
		d.fail(key, join(path, key.Value), "stands twice; first at line %d", first.Line)
		return false
	}
	seen[key.Value] = key
	return true
}

func (d *decoder) unknownKey(key *yaml.Node, path, parent string, known []string) {
	d.keys++
	if len(d.unknown) >= MaxErrors {
		return
	}
	what := "key"
	if parent == "spec.controls" {
		what = "control"
	}
	msg := fmt.Sprintf("unknown %s %s", what, clip(key.Value))
	if near, ok := near(key.Value, known); ok {
		msg += fmt.Sprintf(", did you mean %q?", near)
	} else {
		msg += "; known here: " + strings.Join(known, ", ")
	}
	d.unknown = append(d.unknown, Error{key.Line, key.Column, path, msg})
}

func (d *decoder) sequence(n *yaml.Node, v reflect.Value, path string, depth int, f field) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, path, "must be a list; write [%s]%s", exampleOf(n), found(n))
		return
	}
	if f.max > 0 && len(n.Content) > f.max {
		d.fail(n, path, "has %d entries; at most %d are accepted", len(n.Content), f.max)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	seen := map[string]int{}
	kept := 0
	for i, c := range n.Content {
		p := path + "[" + strconv.Itoa(i) + "]"
		keys := d.keys
		v.Index(kept).SetZero()
		d.value(c, v.Index(kept), p, depth+1, field{})
		if d.keys == keys {
			kept++ // a rule or exception with an unknown key is left out whole: without that key it would mean more
		}
		if c.Kind == yaml.ScalarNode {
			if first, dup := seen[c.Value]; dup {
				d.fail(c, p, "%s stands twice in the list; first at line %d", clip(c.Value), n.Content[first].Line)
			} else {
				seen[c.Value] = i
			}
		}
	}
	v.SetLen(kept)
}

func (d *decoder) labels(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, path, "must be a mapping of labels to values%s", found(n))
		return
	}
	if len(n.Content)/2 > maxLabels {
		d.fail(n, path, "has more than %d labels", maxLabels)
		return
	}
	out := make(map[string]string, len(n.Content)/2)
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		if !d.key(key, path, seen) {
			continue
		}
		p := join(path, key.Value)
		var s string
		d.value(val, reflect.ValueOf(&s).Elem(), p, 0, field{})
		if key.Value == "" || len(key.Value) > 256 || strings.ContainsAny(key.Value, " \t\n=,") {
			d.fail(key, p, "a label's key has 1 to 256 characters and no space, comma or equals sign")
		}
		out[key.Value] = s
	}
	v.Set(reflect.ValueOf(out))
}

func (d *decoder) word(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, path, "must be text%s", found(n))
		return
	}
	_, isUser := v.Interface().(User)
	if n.Tag != "!!str" && !(isUser && n.Tag == "!!int") && !(n.Tag == "!!timestamp") {
		d.fail(n, path, "must be text; put %s in quotes", clip(n.Value))
		return
	}
	if len(n.Value) > maxString {
		d.fail(n, path, "is longer than %d bytes", maxString)
		return
	}
	if i := strings.IndexFunc(n.Value, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }); i >= 0 {
		d.fail(n, path, "holds a control character")
		return
	}
	v.SetString(n.Value)
	w := v.Interface()
	if values := valuesOf(w); values != nil {
		for _, ok := range values {
			if n.Value == ok {
				return
			}
		}
		msg := "must be one of " + strings.Join(values, ", ")
		if len(values) > 8 {
			msg = "is not known here"
		}
		if near, ok := near(n.Value, values); ok {
			msg += fmt.Sprintf("; did you mean %q?", near)
		}
		if _, isMode := w.(Mode); isMode || len(n.Value) > 64 || len(d.unknown) >= MaxErrors {
			d.fail(n, path, "%s: %s", clip(n.Value), msg)
			return
		}
		// A newer version may know it. The value stays: it matches nothing,
		// while leaving it out could make a list mean everything.
		d.unknown = append(d.unknown, Error{n.Line, n.Column, path, clip(n.Value) + ": " + msg})
	} else if err := checkOf(w); err != nil {
		d.fail(n, path, "%s: %v", clip(n.Value), err)
	}
}

func (d *decoder) text(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" && n.Tag != "!!int" {
		d.fail(n, path, "must be text%s", found(n))
		return
	}
	if _, isDigest := v.Interface().(Digest); isDigest && !strings.HasPrefix(n.Value, "sha256:") {
		d.fail(n, path, "%s: a digest is written sha256:<64 hexadecimal digits>", clip(n.Value))
		return
	}
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.Value)); err != nil {
		if _, isDigest := v.Interface().(Digest); isDigest {
			d.fail(n, path, "%s: a digest is written sha256:<64 hexadecimal digits>", clip(n.Value))
			return
		}
		d.fail(n, path, "%s: %v", clip(n.Value), err)
	}
}

func (d *decoder) time(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind == yaml.ScalarNode {
		for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
			if t, err := time.Parse(layout, n.Value); err == nil {
				v.Set(reflect.ValueOf(t.UTC()))
				return
			}
		}
	}
	d.fail(n, path, "must be a time such as 2027-01-31T00:00:00Z or a date such as 2027-01-31")
}

func (d *decoder) number(n *yaml.Node, v reflect.Value, path string, f field) {
	i, err := strconv.ParseInt(n.Value, 10, 64)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil {
		d.fail(n, path, "must be a whole number%s", found(n))
		return
	}
	if f.hasMin && i < int64(f.min) || f.max > 0 && i > int64(f.max) {
		d.fail(n, path, "%d is out of range; it must be %d to %d", i, f.min, f.max)
		return
	}
	v.SetInt(i)
}

func (d *decoder) decimal(n *yaml.Node, v reflect.Value, path string, f field) {
	x, err := strconv.ParseFloat(n.Value, 64)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" && n.Tag != "!!float" || err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		d.fail(n, path, "must be a number%s", found(n))
		return
	}
	if f.hasMin && x < float64(f.min) || f.max > 0 && x > float64(f.max) {
		d.fail(n, path, "%v is out of range; it must be %d to %d", x, f.min, f.max)
		return
	}
	v.SetFloat(x)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// clip quotes a piece of the document for a message.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		s = string(r[:60]) + "..."
	}
	return strconv.Quote(s)
}

func exampleOf(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode && len(n.Value) < 60 {
		return n.Value
	}
	return "..."
}

func found(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return ", not a mapping"
	case yaml.SequenceNode:
		return ", not a list"
	case yaml.ScalarNode:
		return ", not " + clip(n.Value)
	}
	return ""
}
