package policy

import (
	"bytes"
	"encoding"
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Validate checks a policy that was not read by Parse. The error is of type
// Errors; lines and columns are those of YAML's text.
func (p *RuntimePolicy) Validate() error {
	data, err := p.YAML()
	if err != nil {
		return err
	}
	_, err = Parse(data)
	return err
}

// YAML gives the canonical text of the policy: keys in the order of the
// schema, nothing that is not set. Parse gives the same policy back.
func (p *RuntimePolicy) YAML() ([]byte, error) { return encode(reflect.ValueOf(p).Elem()) }

func encode(v reflect.Value) ([]byte, error) {
	n, err := nodeOf(v)
	if err != nil {
		return nil, fmt.Errorf("cannot write policy: %w", err)
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return nil, fmt.Errorf("cannot write policy: %w", err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("cannot write policy: %w", err)
	}
	return b.Bytes(), nil
}

// nodeOf builds the tree that Parse would have read.
func nodeOf(v reflect.Value) (*yaml.Node, error) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch x := v.Interface().(type) {
	case time.Time:
		return scalar("!!str", x.UTC().Format(time.RFC3339Nano)), nil
	case Ports:
		if x.First == x.Last {
			return scalar("!!int", x.String()), nil
		}
		return scalar("!!str", x.String()), nil
	case encoding.TextMarshaler:
		b, err := x.MarshalText()
		return scalar("!!str", string(b)), err
	}
	switch v.Kind() {
	case reflect.Struct:
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for _, f := range fieldsOf(v.Type()).list {
			fv := v.FieldByIndex(f.index)
			if !f.required && fv.IsZero() || fv.Kind() == reflect.Slice && fv.Len() == 0 && !f.required {
				continue
			}
			c, err := nodeOf(fv)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, scalar("!!str", f.name), c)
		}
		return n, nil
	case reflect.Slice:
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for i := range v.Len() {
			c, err := nodeOf(v.Index(i))
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, c)
		}
		return n, nil
	case reflect.Map:
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		keys := v.MapKeys()
		sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
		for _, k := range keys {
			n.Content = append(n.Content, scalar("!!str", k.String()), scalar("!!str", v.MapIndex(k).String()))
		}
		return n, nil
	case reflect.String:
		if u, ok := v.Interface().(User); ok && !u.IsName() && !strings.Contains(string(u), "-") {
			if _, _, err := u.Range(); err == nil && (u == "0" || u[0] != '0') {
				return scalar("!!int", string(u)), nil
			}
		}
		return scalar("!!str", v.String()), nil
	case reflect.Bool:
		return scalar("!!bool", fmt.Sprint(v.Bool())), nil
	case reflect.Int:
		return scalar("!!int", fmt.Sprint(v.Int())), nil
	case reflect.Float64:
		text := strconv.FormatFloat(v.Float(), 'f', -1, 64)
		if !strings.Contains(text, ".") {
			return scalar("!!int", text), nil
		}
		return scalar("!!float", text), nil
	}
	return nil, fmt.Errorf("no writer for %s", v.Type())
}

func scalar(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}
