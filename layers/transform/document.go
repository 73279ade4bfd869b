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
	yaml      *yamlText
	json      *part
	src       []byte // of JSON
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
	d := &document{}
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
	indent := 2
	for line := range strings.Lines(string(data)) {
		if rest := strings.TrimLeft(line, " "); len(rest) < len(line) && rest != "" && rest[0] != '#' && rest[0] != '\n' && rest[0] != '-' {
			indent = min(len(line)-len(rest), 8)
			break
		}
	}
	d.yaml = newYAMLText(data, d.docs, indent)
	return d, nil
}

func (d *document) bytes() ([]byte, error) {
	switch {
	case d.terraform != nil:
		return d.terraform.bytes(), nil
	case d.json != nil:
		w := jsonRewriter(d.src, d.json)
		w.heredoc = d.json.heredoc
		w.value(d.json, d.roots[0])
		return apply(d.src, w.edits), nil
	}
	if out, err := d.yaml.bytes(d.docs); err == nil {
		return out, nil
	}
	// A text that is written in a way that we do not know how to change: all of
	// it is written anew.
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(d.yaml.indent)
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

func jsonRewriter(src []byte, root *part) *rewriter {
	w := &rewriter{src: src, json: true, quoted: true, equals: ": ", unit: "  "}
	w.flat = !bytes.Contains(bytes.TrimSpace(src[root.start:root.end]), []byte("\n"))
	if len(root.items) > 0 {
		if u, ok := strings.CutPrefix(w.margin(root.items[0].start), w.margin(root.start)); ok && u != "" {
			w.unit = u
		}
	}
	return w
}

func parseJSON(data []byte) (*document, error) {
	root, line, err := readJSON(maskComments(data))
	if err != nil && bytes.Contains(data, []byte("${")) {
		// A template that Terraform's templatefile reads.
		t := &terraform{src: data}
		if p, err := t.json(0, data, "template"); err == nil {
			return &document{roots: []*yaml.Node{p.node}, json: p, src: data}, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", line, err)
	}
	return &document{roots: []*yaml.Node{root.node}, json: root, src: data}, nil
}

// readJSON reads a value, or says at which line it cannot be read.
func readJSON(data []byte) (root *part, line int, err error) {
	r := &jsonReader{data: data, dec: json.NewDecoder(bytes.NewReader(data)), line: 1}
	r.dec.UseNumber()
	if root, err = r.value(0); err != nil {
		return nil, r.at(r.dec.InputOffset()), fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	if len(bytes.TrimSpace(data[r.dec.InputOffset():])) != 0 {
		return nil, r.at(r.dec.InputOffset()), fmt.Errorf("%w: something follows the JSON value", ErrSyntax)
	}
	return root, 0, nil
}

// maskComments puts spaces in the place of comments, which ARM templates may
// have, so that JSON can be read at its places.
func maskComments(data []byte) []byte {
	out := bytes.Clone(data)
	blank := func(from, to int) int {
		for i := from; i < to; i++ {
			if out[i] != '\n' {
				out[i] = ' '
			}
		}
		return to - 1
	}
	inString := false
	for i := 0; i < len(out); i++ {
		switch c := out[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString || c != '/' || i+1 == len(out):
		case out[i+1] == '/':
			end := bytes.IndexByte(out[i:], '\n')
			if end < 0 {
				end = len(out) - i
			}
			i = blank(i, i+end)
		case out[i+1] == '*':
			if end := bytes.Index(out[i+2:], []byte("*/")); end >= 0 {
				i = blank(i, i+2+end+2)
			}
		}
	}
	return out
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

// next is where the next token begins.
func (r *jsonReader) next() int {
	rest := r.data[r.dec.InputOffset():]
	return len(r.data) - len(bytes.TrimLeft(rest, " \t\r\n,:"))
}

func (r *jsonReader) value(depth int) (*part, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	p := &part{start: r.next()}
	t, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: r.at(r.dec.InputOffset())}
	switch v := t.(type) {
	case string:
		n.Tag, n.Value = "!!str", v
	case json.Number:
		n.Tag, n.Value = "!!int", v.String()
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
			it := item{start: r.next()}
			if v == '{' {
				k, err := r.dec.Token()
				if err != nil {
					return nil, err
				}
				it.key = k.(string)
				if seen[it.key] {
					return nil, fmt.Errorf("the key %.100q stands twice in one object", it.key)
				}
				seen[it.key] = true
				n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: it.key})
			}
			if it.part, err = r.value(depth + 1); err != nil {
				return nil, err
			}
			it.end = it.part.end
			p.items = append(p.items, it)
			n.Content = append(n.Content, it.part.node)
		}
		if _, err := r.dec.Token(); err != nil {
			return nil, err
		}
	}
	p.node, p.kind, p.tag, p.value, p.end = n, n.Kind, n.Tag, n.Value, int(r.dec.InputOffset())
	return p, nil
}

// quoteJSON is a string of JSON.
func quoteJSON(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}
