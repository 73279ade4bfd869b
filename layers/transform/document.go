package transform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// MaxBytes bounds a definition.
const MaxBytes = 8 << 20

// maxDepth bounds how deep JSON may nest.
const maxDepth = 200

// document is one text: a JSON value or a stream of YAML documents.
type document struct {
	roots  []*yaml.Node // the content of each document
	docs   []*yaml.Node // YAML: the document nodes, with their comments
	indent string
	end    string // JSON: what followed the value
}

func parse(data []byte) (*document, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("the definition has %d bytes, at most %d: %w", len(data), MaxBytes, ErrShape)
	}
	if t := bytes.TrimLeft(data, " \t\r\n\ufeff"); len(t) > 0 && (t[0] == '{' || t[0] == '[') && json.Valid(t) {
		return parseJSON(t)
	}
	return parseYAML(data)
}

func parseYAML(data []byte) (*document, error) {
	d := &document{indent: "  "}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var n yaml.Node
		err := dec.Decode(&n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read the definition: %w: %w", ErrShape, err)
		}
		if n.Kind != yaml.DocumentNode || len(n.Content) != 1 {
			continue
		}
		d.docs = append(d.docs, &n)
		d.roots = append(d.roots, n.Content[0])
	}
	if len(d.roots) == 0 {
		return nil, fmt.Errorf("the definition is empty: %w", ErrShape)
	}
	for line := range strings.Lines(string(data)) {
		if rest := strings.TrimLeft(line, " "); len(rest) < len(line) && rest != "" && rest[0] != '#' && rest[0] != '\n' && rest[0] != '-' {
			d.indent = line[:len(line)-len(rest)]
			break
		}
	}
	return d, nil
}

func (d *document) bytes() ([]byte, error) {
	var b bytes.Buffer
	if d.docs == nil {
		writeJSON(&b, d.roots[0], "\n", d.indent)
		b.WriteString(d.end)
		return b.Bytes(), nil
	}
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(min(len(d.indent), 8))
	for _, n := range d.docs {
		if err := enc.Encode(n); err != nil {
			return nil, fmt.Errorf("cannot write the definition: %w", err)
		}
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("cannot write the definition: %w", err)
	}
	return b.Bytes(), nil
}

func parseJSON(data []byte) (*document, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	root, err := jsonValue(dec, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot read the definition: %w: %w", ErrShape, err)
	}
	d := &document{roots: []*yaml.Node{root}, indent: "  "}
	rest := data[dec.InputOffset():]
	if len(bytes.TrimSpace(rest)) != 0 {
		return nil, fmt.Errorf("something follows the JSON value: %w", ErrShape)
	}
	d.end = string(rest)
	head, after, found := strings.Cut(string(data), "\n")
	switch ws := after[:len(after)-len(strings.TrimLeft(after, " \t"))]; {
	case found && len(strings.TrimSpace(head)) == 1 && ws != "":
		d.indent = ws
	case !found:
		d.indent = ""
	}
	return d, nil
}

func jsonValue(dec *json.Decoder, depth int) (*yaml.Node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	scalar := func(tag, value string) *yaml.Node {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
	}
	switch v := t.(type) {
	case string:
		return scalar("!!str", v), nil
	case json.Number:
		return scalar("!!float", v.String()), nil
	case bool:
		return boolean(v), nil
	case nil:
		return scalar("!!null", "null"), nil
	case json.Delim:
		n := list()
		if v == '{' {
			n = object()
		}
		seen := map[string]bool{}
		for dec.More() {
			if v == '{' {
				k, err := dec.Token()
				if err != nil {
					return nil, err
				}
				key := k.(string)
				if seen[key] {
					return nil, fmt.Errorf("the key %.100q stands twice in one object", key)
				}
				seen[key] = true
				n.Content = append(n.Content, scalar("!!str", key))
			}
			item, err := jsonValue(dec, depth+1)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, item)
		}
		_, err := dec.Token()
		return n, err
	}
	return nil, fmt.Errorf("unexpected %v", t)
}

// writeJSON writes a node; line is a newline with the indentation of the
// value's own line, and indent what one level adds ("": everything in a line).
func writeJSON(b *bytes.Buffer, n *yaml.Node, line, indent string) {
	switch n.Kind {
	case yaml.MappingNode, yaml.SequenceNode:
		step, left, right := 1, byte('['), byte(']')
		if n.Kind == yaml.MappingNode {
			step, left, right = 2, '{', '}'
		}
		b.WriteByte(left)
		for i := 0; i+step-1 < len(n.Content); i += step {
			if i > 0 {
				b.WriteByte(',')
			}
			if indent != "" {
				b.WriteString(line + indent)
			}
			if step == 2 {
				quote(b, n.Content[i].Value)
				b.WriteByte(':')
				if indent != "" {
					b.WriteByte(' ')
				}
			}
			writeJSON(b, n.Content[i+step-1], line+indent, indent)
		}
		if len(n.Content) > 0 && indent != "" {
			b.WriteString(line)
		}
		b.WriteByte(right)
	default:
		if n.Tag == "!!str" {
			quote(b, n.Value)
		} else {
			b.WriteString(n.Value)
		}
	}
}

func quote(b *bytes.Buffer, s string) {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	b.Truncate(b.Len() - 1)
}
