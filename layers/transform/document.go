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

// document is one text: a JSON value, a stream of YAML documents or a Terraform
// file.
type document struct {
	roots     []*yaml.Node // the content of each document
	docs      []*yaml.Node // YAML: the document nodes, with their comments
	indent    string
	end       string // JSON: what followed the value
	terraform *terraform
}

func parse(data []byte) (*document, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("the definition has %d bytes, at most %d: %w", len(data), MaxBytes, ErrShape)
	}
	switch t := bytes.TrimLeft(data, " \t\r\n\ufeff"); {
	case len(t) > 0 && (t[0] == '{' || t[0] == '['):
		return parseJSON(t)
	case isTerraform(data):
		t, err := parseTerraform(data)
		if err != nil {
			return nil, err
		}
		return &document{roots: t.tasks, terraform: t}, nil
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
			return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
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
	if d.terraform != nil {
		return d.terraform.bytes(), nil
	}
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
	r := &jsonReader{data: data, dec: json.NewDecoder(bytes.NewReader(data)), line: 1}
	r.dec.UseNumber()
	root, err := r.value(0)
	if err != nil {
		return nil, fmt.Errorf("line %d: %w: %w", r.at(r.dec.InputOffset()), ErrSyntax, err)
	}
	d := &document{roots: []*yaml.Node{root}, indent: "  "}
	rest := data[r.dec.InputOffset():]
	if len(bytes.TrimSpace(rest)) != 0 {
		return nil, fmt.Errorf("line %d: %w: something follows the JSON value", r.at(r.dec.InputOffset()), ErrSyntax)
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

// jsonReader makes nodes of JSON.
type jsonReader struct {
	data []byte
	dec  *json.Decoder
	line int
	seen int64 // bytes whose lines are counted
}

// at is the line of a place that is not before the last one asked about.
func (r *jsonReader) at(offset int64) int {
	if offset > r.seen {
		r.line += bytes.Count(r.data[r.seen:offset], []byte("\n"))
		r.seen = offset
	}
	return r.line
}

func (r *jsonReader) value(depth int) (*yaml.Node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	t, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: r.at(r.dec.InputOffset())}
	switch v := t.(type) {
	case string:
		n.Tag, n.Value = "!!str", v
	case json.Number:
		n.Tag, n.Value = "!!float", v.String()
	case bool:
		n.Tag, n.Value = "!!bool", fmt.Sprint(v)
	case nil:
		n.Tag, n.Value = "!!null", "null"
	case json.Delim:
		n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		if v == '{' {
			n.Kind, n.Tag = yaml.MappingNode, "!!map"
		}
		seen := map[string]bool{}
		for r.dec.More() {
			if v == '{' {
				k, err := r.dec.Token()
				if err != nil {
					return nil, err
				}
				key := k.(string)
				if seen[key] {
					return nil, fmt.Errorf("the key %.100q stands twice in one object", key)
				}
				seen[key] = true
				n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key})
			}
			item, err := r.value(depth + 1)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, item)
		}
		if _, err := r.dec.Token(); err != nil {
			return nil, err
		}
	}
	return n, nil
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
