package transform

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"go.yaml.in/yaml/v3"
)

// rewriter finds what has to be written anew so that a text says what its
// nodes have become.
type rewriter struct {
	src    []byte
	edits  []edit
	quoted bool   // keys stand in quotes
	equals string // what stands between key and value
	unit   string // of indentation
	json   bool   // JSON, not Terraform: commas stand between items and nowhere else
	flat   bool   // all of it stands on one line

	heredoc bool // JSON in a heredoc of Terraform's
}

func (w *rewriter) replace(start, end int, text string) {
	w.edits = append(w.edits, edit{start, end, text})
}

// apply makes the edits. Those that take something out may overlap.
func apply(src []byte, edits []edit) []byte {
	slices.SortStableFunc(edits, func(a, b edit) int { return a.start - b.start })
	var out bytes.Buffer
	pos := 0
	for _, e := range edits {
		out.Write(src[pos:max(pos, e.start)])
		out.WriteString(e.text)
		pos = max(pos, e.end)
	}
	out.Write(src[pos:])
	return out.Bytes()
}

// value brings the text of p to what n says.
func (w *rewriter) value(p *part, n *yaml.Node) {
	if same(p, n) {
		return
	}
	if n.Kind == yaml.ScalarNode || n != p.node {
		w.replace(p.start, p.end, w.render(n, w.margin(p.start)))
		return
	}
	var after *item // the last that stays
	tail := len(p.items)
	for tail > 0 && gone(p.items[tail-1], n) {
		tail--
	}
	var added []string
	var front []string
	switch n.Kind {
	case yaml.MappingNode:
		have := map[string]bool{}
		for i := range p.items {
			it := &p.items[i]
			have[it.key] = true
			v := field(n, it.key)
			if v == nil {
				w.cut(p, i, tail, after)
				continue
			}
			w.value(it.part, v)
			after = it
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if key := n.Content[i].Value; !have[key] {
				added = append(added, w.pair(key, n.Content[i+1], w.inside(p)))
			}
		}
	case yaml.SequenceNode:
		for i := range p.items {
			it := &p.items[i]
			if !slices.Contains(n.Content, it.part.node) {
				w.cut(p, i, tail, after)
				continue
			}
			w.value(it.part, it.part.node)
			if it.list != computedList {
				after = it
			}
		}
		seen := false
		for _, c := range n.Content {
			switch {
			case slices.ContainsFunc(p.items, func(it item) bool { return it.part.node == c }):
				seen = true
			case seen || after == nil:
				added = append(added, w.render(c, w.inside(p)))
			default:
				front = append(front, w.render(c, w.inside(p)))
			}
		}
	}
	if len(front) > 0 {
		first := p.items[slices.IndexFunc(p.items, func(it item) bool { return it.part.node == n.Content[len(front)] })]
		w.replace(first.start, first.start, strings.Join(front, ", ")+", ")
	}
	w.add(p, after, added)
}

// gone says that n, an object or a list, no longer has an item.
func gone(it item, n *yaml.Node) bool {
	if n.Kind == yaml.MappingNode {
		return field(n, it.key) == nil
	}
	return !slices.Contains(n.Content, it.part.node)
}

// same says that n has the value that stands in the text.
func same(p *part, n *yaml.Node) bool {
	if n.Kind != p.kind || n.Tag != p.tag || n.Value != p.value {
		return false
	}
	step := 1
	if n.Kind == yaml.MappingNode {
		step = 2
	}
	if len(n.Content) != step*len(p.items) {
		return false
	}
	for i, it := range p.items {
		if step == 2 && n.Content[2*i].Value != it.key || !same(it.part, n.Content[step*i+step-1]) {
			return false
		}
	}
	return true
}

// restOfLine is what may follow the last item on its line where the next one
// gets a line of its own.
var restOfLine = regexp.MustCompile(`^[ \t]*(,?)[ \t]*((#|//).*)?\r?$`)

// add puts items behind the last one that stays.
func (w *rewriter) add(p *part, after *item, added []string) {
	if len(added) == 0 {
		return
	}
	if w.json && after != nil {
		sep := ", "
		if w.lineStart(after.start) > p.start && !w.flat {
			sep = ",\n" + w.margin(after.start)
		}
		w.replace(after.end, after.end, sep+strings.Join(added, sep))
		return
	}
	if after == nil {
		open, end := "", ""
		if !w.flat && (p.kind == yaml.MappingNode || strings.Contains(added[0], "\n")) {
			open = "\n" + w.inside(p)
			if len(p.items) == 0 || w.json {
				end = "\n" + w.margin(p.start)
			}
		}
		sep := ", "
		if open != "" {
			sep = "," + open
		}
		w.replace(p.start+1, p.start+1, open+strings.Join(added, sep)+end)
		return
	}
	eol := len(w.src)
	if i := bytes.IndexByte(w.src[after.end:], '\n'); i >= 0 {
		eol = after.end + i
	}
	m := restOfLine.FindSubmatch(w.src[after.end:eol])
	if m == nil || eol >= p.end { // all on one line
		w.replace(after.end, after.end, ", "+strings.Join(added, ", "))
		return
	}
	comma := p.kind == yaml.SequenceNode || len(m[1]) > 0 || len(p.items) > 1 && bytes.HasPrefix(bytes.TrimLeft(w.src[p.items[0].end:], " \t"), []byte(","))
	if comma && len(m[1]) == 0 {
		w.replace(after.end, after.end, ",")
	}
	end := ""
	if comma {
		end = ","
	}
	lead := "\n" + w.margin(after.start)
	last := strings.TrimSuffix(end, map[bool]string{true: "", false: ","}[len(m[1]) > 0])
	w.replace(eol, eol, lead+strings.Join(added, end+lead)+last)
}

// cut takes an item out, with its line where it has one for itself. None of the
// items from tail on stays.
func (w *rewriter) cut(p *part, i, tail int, after *item) {
	it := p.items[i]
	if w.json && i >= tail { // with the comma before it
		from := p.start + 1
		if after != nil {
			from = after.end
		}
		w.replace(from, it.end, "")
		if after == nil && i+1 == len(p.items) {
			w.replace(it.end, p.end-1, "")
		}
		return
	}
	start, end := w.lineStart(it.start), len(w.src)
	if n := bytes.IndexByte(w.src[it.end:], '\n'); n >= 0 {
		end = it.end + n
	}
	if len(bytes.TrimSpace(w.src[start:it.start])) == 0 && end < p.end && restOfLine.Match(w.src[it.end:end]) {
		w.replace(start, end+1, "")
		return
	}
	switch {
	case i+1 < len(p.items) && p.items[i+1].list == it.list:
		w.replace(it.start, p.items[i+1].start, "")
	case after != nil && after.list == it.list:
		w.replace(after.end, it.end, "")
	default:
		w.replace(it.start, it.end, "")
	}
}

func (w *rewriter) lineStart(at int) int { return bytes.LastIndexByte(w.src[:at], '\n') + 1 }

// margin is the white space before the line of a place.
func (w *rewriter) margin(at int) string {
	l := w.src[w.lineStart(at):]
	return string(l[:len(l)-len(bytes.TrimLeft(l, " \t"))])
}

// inside is the margin of what an object or a list holds.
func (w *rewriter) inside(p *part) string {
	switch {
	case len(p.items) == 0:
	case w.lineStart(p.items[0].start) > p.start:
		return w.margin(p.items[0].start)
	case w.lineStart(p.items[0].end) > p.start: // [{ ... }, { ... }]
		return w.margin(p.start)
	}
	return w.margin(p.start) + w.unit
}

func (w *rewriter) pair(rawKey string, v *yaml.Node, margin string) string {
	key := rawKey
	if w.quoted || !hclsyntax.ValidIdentifier(key) {
		if key = quoted(key); w.json {
			key = quoteJSON(rawKey)
		}
	}
	return key + w.equals + w.render(v, margin)
}

// render writes a value whose line begins with margin.
func (w *rewriter) render(n *yaml.Node, margin string) string {
	switch n.Kind {
	case yaml.MappingNode:
		pairs := make([]string, len(n.Content)/2)
		for i := range pairs {
			pairs[i] = w.pair(n.Content[2*i].Value, n.Content[2*i+1], margin+w.unit)
		}
		switch {
		case w.json:
			return w.enclose("{", pairs, "}", ",", margin)
		case w.equals == ": ":
			return w.enclose("{ ", pairs, " }", ",", margin)
		}
		return w.enclose("{ ", pairs, " }", "", margin)
	case yaml.SequenceNode:
		items := make([]string, len(n.Content))
		for i, c := range n.Content {
			items[i] = w.render(c, margin+w.unit)
		}
		return w.enclose("[", items, "]", ",", margin)
	}
	switch {
	case n.Tag != "!!str":
		return n.Value
	case w.heredoc:
		return quoteJSON(template.Replace(n.Value))
	case w.json:
		return quoteJSON(n.Value)
	}
	return quoted(n.Value)
}

// enclose writes items in a line if they are few and short, or else in one each
// that ends with end.
func (w *rewriter) enclose(left string, items []string, right, end, margin string) string {
	if s := left + strings.Join(items, ", ") + right; !strings.Contains(s, "\n") && (w.flat || len(items) < 2 || len(s) < 100) {
		return s
	}
	inside := "\n" + margin + w.unit
	return strings.TrimSpace(left) + inside + strings.Join(items, end+inside) + "\n" + margin + strings.TrimSpace(right)
}

// template writes a text so that Terraform computes nothing in it.
var (
	template   = strings.NewReplacer("${", "$${", "%{", "%%{")
	untemplate = strings.NewReplacer("$${", "${", "%%{", "%{")
	templated  = regexp.MustCompile(`(^|[^$])\$\{`)
)

// quoted is a string that Terraform computes nothing in.
func quoted(s string) string {
	return `"` + template.Replace(strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s)) + `"`
}
