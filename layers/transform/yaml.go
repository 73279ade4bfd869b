package transform

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// yamlText finds what has to be written anew so that a YAML text says what its
// nodes have become. What it makes is held against the nodes before it is used.
type yamlText struct {
	src     []byte
	lines   []int // where each line begins
	parts   []*part
	indent  int
	compact bool // lists stand below their key without more indentation
	listed  bool // a list was seen
	edits   []edit
}

func newYAMLText(src []byte, docs []*yaml.Node, indent int) *yamlText {
	t := &yamlText{src: src, indent: indent}
	at := 0
	for l := range bytes.Lines(src) {
		t.lines = append(t.lines, at)
		at += len(l)
	}
	for i, d := range docs {
		bound := len(src)
		if i+1 < len(docs) {
			bound = t.lineStart(t.offset(docs[i+1]))
		}
		p := t.part(d.Content[0], nil)
		t.close(p, bound)
		t.parts = append(t.parts, p)
	}
	return t
}

// offset is where a node stands.
func (t *yamlText) offset(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(t.lines) {
		return len(t.src)
	}
	at := t.lines[n.Line-1]
	for c := 1; c < n.Column && at < len(t.src); c++ {
		_, size := utf8.DecodeRune(t.src[at:])
		at += size
	}
	return at
}

func (t *yamlText) lineStart(at int) int { return bytes.LastIndexByte(t.src[:at], '\n') + 1 }

// part notes what stands in the text; above is what holds the node.
func (t *yamlText) part(n, above *yaml.Node) *part {
	p := &part{node: n, kind: n.Kind, tag: n.Tag, value: n.Value, start: t.offset(n), flow: n.Style&yaml.FlowStyle != 0}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			p.items = append(p.items, item{key: n.Content[i].Value, start: t.offset(n.Content[i]), part: t.part(n.Content[i+1], n)})
		}
	case yaml.SequenceNode:
		if !t.listed && !p.flow && above != nil && above.Kind == yaml.MappingNode {
			t.listed, t.compact = true, n.Column == above.Column
		}
		for _, c := range n.Content {
			q := t.part(c, n)
			p.items = append(p.items, item{start: q.start, part: q})
		}
	}
	if p.flow {
		p.start = t.past(p.start) // behind anchor and tag
	}
	return p
}

// past is what follows an anchor and a tag on their line.
func (t *yamlText) past(at int) int {
	for at < len(t.src) && (t.src[at] == '&' || t.src[at] == '!') {
		end := bytes.IndexAny(t.src[at:], " \n")
		if end < 0 {
			return at
		}
		at += end
		at += len(t.src[at:]) - len(bytes.TrimLeft(t.src[at:], " "))
	}
	return at
}

// close finds where the items of a collection end, which is before bound.
func (t *yamlText) close(p *part, bound int) {
	p.end = bound
	if p.flow {
		ends, end := t.flowEnds(p.start)
		p.end = end
		for i := range p.items {
			it := &p.items[i]
			it.end = end
			if i < len(ends) {
				it.end = ends[i]
			}
			t.close(it.part, it.end)
		}
		return
	}
	for i := range p.items {
		it := &p.items[i]
		next := bound
		if i+1 < len(p.items) {
			next = t.lineStart(p.items[i+1].start)
		}
		t.close(it.part, next)
		it.end = t.contentEnd(it, next)
	}
}

// contentEnd is the end of the last line before bound that belongs to an item
// of a block: not an empty one, and not a comment.
func (t *yamlText) contentEnd(it *item, bound int) int {
	literal := -1 // the last text's lines are indented by more than this
	for p, key := it.part, it.start; ; {
		if p.kind == yaml.ScalarNode && p.node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			literal = len(t.margin(key))
		}
		if p.flow || len(p.items) == 0 {
			break
		}
		last := p.items[len(p.items)-1]
		p, key = last.part, last.start
	}
	for bound > it.start {
		start := t.lineStart(bound - 1)
		if start <= it.start {
			break
		}
		line := bytes.TrimSpace(t.src[start:bound])
		comment := len(line) > 0 && line[0] == '#' && (literal < 0 || len(t.margin(start)) <= literal)
		if !comment && len(line) > 0 && !bytes.Equal(line, []byte("---")) && !bytes.Equal(line, []byte("...")) {
			break
		}
		bound = start
	}
	return bound
}

// margin is the white space before a place's line.
func (t *yamlText) margin(at int) string {
	l := t.src[t.lineStart(at):]
	return string(l[:len(l)-len(bytes.TrimLeft(l, " "))])
}

// column is what stands before a place on its line, as white space: what is
// beside it must begin there, too.
func (t *yamlText) column(at int) string {
	return strings.Repeat(" ", utf8.RuneCount(t.src[t.lineStart(at):at]))
}

// flowEnds finds where the items of a list or object in brackets end, and where
// it does.
func (t *yamlText) flowEnds(at int) (ends []int, end int) {
	depth, last := 0, at
	for i := at; i < len(t.src); i++ {
		switch c := t.src[i]; {
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			if depth--; depth == 0 {
				return append(ends, last), i + 1
			}
		case c == ',' && depth == 1:
			ends = append(ends, last)
			continue
		case c == '#' && i > 0 && strings.IndexByte(" \t\n", t.src[i-1]) >= 0:
			for i+1 < len(t.src) && t.src[i+1] != '\n' {
				i++
			}
			continue
		case (c == '"' || c == '\'') && strings.IndexByte(" \t\n,[{:", t.src[i-1]) >= 0:
			for i++; i < len(t.src) && t.src[i] != c; i++ {
				if c == '"' && t.src[i] == '\\' {
					i++
				}
			}
		case c == ' ' || c == '\t' || c == '\n':
			continue
		}
		last = i + 1
	}
	return ends, len(t.src)
}

// bytes gives the text that says what the nodes say, or why there is none.
func (t *yamlText) bytes(docs []*yaml.Node) ([]byte, error) {
	t.edits = nil
	for i, d := range docs {
		if err := t.value(t.parts[i], d.Content[0]); err != nil {
			return nil, err
		}
	}
	out := apply(t.src, t.edits)
	if len(t.edits) == 0 {
		return out, nil
	}
	again, err := parseYAML(out)
	if err != nil {
		return nil, err
	}
	if !slices.EqualFunc(again.docs, docs, equalNodes) {
		return nil, ErrShape
	}
	return out, nil
}

// equalNodes says that two trees hold the same values, however they are written.
func equalNodes(a, b *yaml.Node) bool {
	return a.Kind == b.Kind && a.ShortTag() == b.ShortTag() && a.Value == b.Value && a.Anchor == b.Anchor && slices.EqualFunc(a.Content, b.Content, equalNodes)
}

// value brings the text of p, which an item of a block or a bracket holds, to
// what n says.
func (t *yamlText) value(p *part, n *yaml.Node) error {
	if same(p, n) {
		return nil
	}
	if n != p.node || len(p.items) == 0 && !p.flow {
		return ErrShape // what holds it writes it anew
	}
	gone, front, added := changes(p, n)
	var after *item
	for i := range p.items {
		it := &p.items[i]
		v := it.part.node
		if p.kind == yaml.MappingNode {
			v = field(n, it.key)
		}
		switch {
		case gone[i] && p.flow:
			switch {
			case after != nil:
				t.replace(after.end, it.end, "")
			case i+1 < len(p.items):
				t.replace(it.start, p.items[i+1].start, "")
			default:
				t.replace(it.start, it.end, "")
			}
			continue
		case gone[i]:
			t.replace(t.lineStart(it.start), it.end, "")
			continue
		}
		if err := t.value(it.part, v); err != nil {
			if err := t.anew(p, it, v); err != nil {
				return err
			}
		}
		after = it
	}
	if len(front) > 0 {
		text, err := t.render(front, p, t.block(p))
		if err != nil {
			return err
		}
		first := p.items[slices.IndexFunc(p.items, func(it item) bool { return it.part.node == n.Content[len(front)] })]
		if p.flow {
			t.replace(first.start, first.start, text+", ")
		} else {
			t.insert(t.before(first.start), text)
		}
	}
	if len(added) == 0 {
		return nil
	}
	text, err := t.render(added, p, t.block(p))
	switch {
	case err != nil:
		return err
	case p.flow && after == nil:
		t.replace(p.start+1, p.start+1, text)
	case p.flow:
		t.replace(after.end, after.end, ", "+text)
	case after == nil:
		return ErrShape
	default:
		t.insert(after.end, text)
	}
	return nil
}

// changes says which items of p are gone, and what stands in n before them and
// after them: nodes of a list, keys and values of a mapping.
func changes(p *part, n *yaml.Node) (gone []bool, front, added []*yaml.Node) {
	gone = make([]bool, len(p.items))
	if n.Kind == yaml.MappingNode {
		have := map[string]bool{}
		for i, it := range p.items {
			gone[i] = field(n, it.key) == nil
			have[it.key] = true
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !have[n.Content[i].Value] {
				added = append(added, n.Content[i], n.Content[i+1])
			}
		}
		return gone, nil, added
	}
	kept := 0
	for i, it := range p.items {
		if gone[i] = !slices.Contains(n.Content, it.part.node); !gone[i] {
			kept++
		}
	}
	for _, c := range n.Content {
		switch {
		case slices.ContainsFunc(p.items, func(it item) bool { return it.part.node == c }):
			kept--
		case kept > 0:
			front = append(front, c)
		default:
			added = append(added, c)
		}
	}
	return gone, front, added
}

// anew writes an item's value anew.
func (t *yamlText) anew(p *part, it *item, v *yaml.Node) error {
	switch {
	case p.flow && p.kind == yaml.MappingNode:
		text, err := t.render([]*yaml.Node{{Kind: yaml.ScalarNode, Value: it.key, Tag: "!!str"}, v}, p, "")
		if err == nil {
			t.replace(it.start, it.end, text)
		}
		return err
	case p.flow || p.kind != yaml.MappingNode:
		return ErrShape
	}
	c := *v
	c.HeadComment, c.FootComment = "", "" // they stand where they stood
	text, err := t.render([]*yaml.Node{{Kind: yaml.ScalarNode, Value: it.key, Tag: "!!str"}, &c}, p, t.column(it.start))
	if err != nil {
		return err
	}
	text = strings.TrimLeft(text, " ")
	if it.end < len(t.src) || bytes.HasSuffix(t.src, []byte("\n")) {
		t.replace(it.start, it.end, text)
		return nil
	}
	t.replace(it.start, it.end, strings.TrimSuffix(text, "\n"))
	return nil
}

// block is the margin of what a block holds.
func (t *yamlText) block(p *part) string {
	if p.flow {
		return ""
	}
	if p.kind == yaml.SequenceNode { // a dash is no node
		return t.column(p.start)
	}
	return t.column(p.items[0].start)
}

// before is where a new line goes that stands before an item and its comments.
func (t *yamlText) before(at int) int {
	at = t.lineStart(at)
	for at > 0 {
		start := t.lineStart(at - 1)
		if line := bytes.TrimSpace(t.src[start:at]); len(line) > 0 && line[0] != '#' {
			break
		}
		at = start
	}
	return at
}

func (t *yamlText) replace(start, end int, text string) {
	t.edits = append(t.edits, edit{start, end, text})
}

// insert puts lines at the beginning of a line.
func (t *yamlText) insert(at int, text string) {
	if at > 0 && t.src[at-1] != '\n' {
		text = "\n" + strings.TrimSuffix(text, "\n")
	}
	t.replace(at, at, text)
}

// render writes nodes as items of p: in brackets without them, or as lines with
// a margin.
func (t *yamlText) render(nodes []*yaml.Node, p *part, margin string) (string, error) {
	root := &yaml.Node{Kind: p.kind, Content: nodes}
	if p.flow {
		root.Style = yaml.FlowStyle
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(t.indent)
	if t.compact {
		enc.CompactSeqIndent()
	}
	if err := enc.Encode(root); err != nil {
		return "", fmt.Errorf("cannot write the definition: %w", err)
	}
	if p.flow {
		s := strings.TrimSpace(b.String())
		return strings.TrimSpace(s[1 : len(s)-1]), nil
	}
	var out strings.Builder
	for l := range strings.Lines(b.String()) {
		if l != "\n" {
			out.WriteString(margin)
		}
		out.WriteString(l)
	}
	return out.String(), nil
}
