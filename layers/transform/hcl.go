package transform

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	"go.yaml.in/yaml/v3"
)

// taskResource is the Terraform resource that holds container definitions.
const taskResource = "aws_ecs_task_definition"

// expression is the tag of a value that Terraform computes; the node's Value is
// its source.
const expression = "!hcl"

// terraform is a file in Terraform's own language. Only the texts of what was
// changed are written anew; everything else stays to the byte.
type terraform struct {
	src    []byte
	parts  []*part // the container lists
	tasks  []*yaml.Node
	locals map[string]hclsyntax.Expression // that the file names once, which may be changed for one who names them
}

// part is a value as it stands in the source.
type part struct {
	node       *yaml.Node // what Transform works on
	kind       yaml.Kind
	tag, value string // of a scalar, as they were
	start, end int
	items      []item // of an object or a list, as they were
	flow       bool   // YAML: in brackets
	heredoc    bool   // Terraform: JSON in a heredoc
}

type item struct {
	key        string // of objects
	start, end int
	part       *part
	list       int // of what concat puts together: which of its lists it stands in
}

// blocks are Terraform's, at the margin of a text.
var blocks = regexp.MustCompile(`(?m)^((resource|data)[ \t]+"[^"\n]*"[ \t]+"|(module|variable|output|provider)[ \t]+"[^"\n]*"[ \t]*\{|(locals|terraform)[ \t]*\{)`)

// isTerraform says that a text has blocks of Terraform's.
func isTerraform(data []byte) bool { return blocks.Match(data) }

func parseTerraform(data []byte) (*terraform, error) {
	file, diags := hclsyntax.ParseConfig(data, "", hcl.InitialPos)
	if diags.HasErrors() {
		d := diags.Errs()[0].(*hcl.Diagnostic)
		return nil, fmt.Errorf("line %d: %w: %s; %s", d.Subject.Start.Line, ErrSyntax, d.Summary, d.Detail)
	}
	body := file.Body.(*hclsyntax.Body)
	t := &terraform{src: data, locals: map[string]hclsyntax.Expression{}}
	for _, b := range body.Blocks {
		if b.Type != "locals" {
			continue
		}
		for name, a := range b.Body.Attributes {
			if len(regexp.MustCompile(`\blocal\.`+name+`\b`).FindAllIndex(data, 2)) == 1 {
				t.locals[name] = a.Expr
			}
		}
	}
	for _, b := range body.Blocks {
		if b.Type != "resource" || len(b.Labels) != 2 || b.Labels[0] != taskResource {
			continue
		}
		a := b.Body.Attributes["container_definitions"]
		if a == nil {
			continue
		}
		p, err := t.definitions(a.Expr)
		if err != nil {
			return nil, fmt.Errorf("line %d: container_definitions of %s %w", a.Range().Start.Line, b.Labels[1], err)
		}
		task := object("containerDefinitions", p.node)
		if m := b.Body.Attributes["memory"]; m != nil {
			set(task, "memory", t.part(m.Expr).node)
		}
		for _, r := range b.Body.Blocks {
			if f := r.Body.Attributes["operating_system_family"]; r.Type == "runtime_platform" && f != nil {
				set(task, "runtimePlatform", object("operatingSystemFamily", t.part(f.Expr).node))
			}
		}
		t.parts, t.tasks = append(t.parts, p), append(t.tasks, task)
	}
	if len(t.parts) == 0 {
		return nil, fmt.Errorf("the Terraform file has no %s with container_definitions: %w", taskResource, ErrShape)
	}
	return t, nil
}

// definitions reads a list of containers: jsonencode of a list, JSON in a
// heredoc, or a local of the file that is either.
func (t *terraform) definitions(e hclsyntax.Expression) (*part, error) {
	e = t.local(e)
	if call, ok := e.(*hclsyntax.FunctionCallExpr); ok && call.Name == "jsonencode" && len(call.Args) == 1 {
		return t.part(call.Args[0]), nil
	}
	if text := t.src[e.Range().Start.Byte:e.Range().End.Byte]; bytes.HasPrefix(text, []byte("<<")) {
		return t.heredoc(e.Range().Start.Byte, text)
	}
	return nil, fmt.Errorf("is not written as jsonencode([...]) or a heredoc; transform the JSON it comes from by itself: %w", ErrShape)
}

// local is what a local of the file stands for. One that is named twice stands
// for itself, because what is changed in it would change for both.
func (t *terraform) local(e hclsyntax.Expression) hclsyntax.Expression {
	for {
		v, ok := e.(*hclsyntax.ScopeTraversalExpr)
		if !ok || len(v.Traversal) != 2 || v.Traversal.RootName() != "local" {
			return e
		}
		a, ok := v.Traversal[1].(hcl.TraverseAttr)
		if !ok || t.locals[a.Name] == nil {
			return e
		}
		e = t.locals[a.Name]
		delete(t.locals, a.Name)
	}
}

// attribute reads a text that is an attribute with a list of containers.
func (t *terraform) attribute(text string) (*part, error) {
	t.src = []byte(text)
	file, diags := hclsyntax.ParseConfig(t.src, "", hcl.InitialPos)
	if diags.HasErrors() {
		d := diags.Errs()[0].(*hcl.Diagnostic)
		return nil, fmt.Errorf("%w: %s; %s", ErrSyntax, d.Summary, d.Detail)
	}
	body := file.Body.(*hclsyntax.Body)
	if len(body.Attributes) != 1 || len(body.Blocks) != 0 {
		return nil, fmt.Errorf("is not one expression: %w", ErrShape)
	}
	for _, a := range body.Attributes {
		return t.definitions(a.Expr)
	}
	return nil, nil // not reached: there is one
}

// embeddedJSON reads a text that is JSON with expressions of Terraform's in it.
func (t *terraform) embeddedJSON(text string) (*part, error) {
	t.src = []byte(text)
	return t.json(0, t.src, "text")
}

// heredoc reads JSON with expressions of Terraform's in it.
func (t *terraform) heredoc(at int, text []byte) (*part, error) {
	from := bytes.IndexByte(text, '\n') + 1
	to := bytes.LastIndexByte(bytes.TrimRight(text, "\n"), '\n')
	if from == 0 || to < from {
		return nil, fmt.Errorf("is an empty heredoc: %w", ErrShape)
	}
	return t.json(at+from, text[from:to], "heredoc")
}

// json reads JSON with expressions of Terraform's in it, which stands at a place
// of the source that is called where.
func (t *terraform) json(at int, raw []byte, where string) (*part, error) {
	masked, ok := maskExpressions(raw)
	if !ok {
		return nil, fmt.Errorf("has template directives in its %s: %w", where, ErrShape)
	}
	root, line, err := readJSON(masked)
	if err != nil {
		return nil, fmt.Errorf("cannot be read as JSON, at line %d of its %s: %w", line, where, err)
	}
	t.place(root, raw, at, bytes.Count(t.src[:at], []byte("\n")))
	root.heredoc = true
	return root, nil
}

// place moves what was read of a heredoc to where that stands, and marks what
// is computed in it.
func (t *terraform) place(p *part, raw []byte, by, lines int) {
	if p.kind == yaml.ScalarNode {
		switch s := string(raw[p.start:p.end]); {
		case len(s) != len(templated.ReplaceAllString(s, "$1")): // it has an expression
			p.node.Tag, p.node.Value = expression, s
		case p.tag == "!!str":
			p.node.Value = untemplate.Replace(p.node.Value)
		}
		p.tag, p.value = p.node.Tag, p.node.Value
	}
	p.start, p.end = p.start+by, p.end+by
	p.node.Line += lines
	for i := range p.items {
		it := &p.items[i]
		it.start, it.end = it.start+by, it.end+by
		t.place(it.part, raw, by, lines)
	}
}

// maskExpressions puts letters in the place of expressions inside of strings,
// and figures elsewhere, so that JSON can be read at its places. It knows no
// directives.
func maskExpressions(raw []byte) ([]byte, bool) {
	out := bytes.Clone(raw)
	inString := false
	for i := 0; i < len(out); i++ {
		rest := out[i:]
		switch {
		case bytes.HasPrefix(rest, []byte("$${")), bytes.HasPrefix(rest, []byte("%%{")):
			i += 2
		case bytes.HasPrefix(rest, []byte("%{")):
			return nil, false
		case bytes.HasPrefix(rest, []byte("${")):
			depth, quoted := 0, false
			for ; i < len(out); i++ {
				c := out[i]
				if out[i] = '1'; inString {
					out[i] = 'x'
				}
				switch {
				case quoted && c == '\\' && i+1 < len(out):
					i++
					out[i] = out[i-1]
				case c == '"':
					quoted = !quoted
				case !quoted && c == '{':
					depth++
				case !quoted && c == '}':
					depth--
				}
				if c == '}' && depth == 0 {
					break
				}
			}
		case inString && rest[0] == '\\':
			i++
		case rest[0] == '"':
			inString = !inString
		}
	}
	return out, true
}

// part makes a node of an expression.
func (t *terraform) part(e hclsyntax.Expression) *part {
	e = t.local(e)
	r := e.Range()
	p := &part{start: r.Start.Byte, end: r.End.Byte}
	switch e := e.(type) {
	case *hclsyntax.TupleConsExpr:
		p.node = list()
		for _, x := range e.Exprs {
			q := t.part(x)
			p.items = append(p.items, item{start: x.Range().Start.Byte, end: x.Range().End.Byte, part: q})
			p.node.Content = append(p.node.Content, q.node)
		}
	case *hclsyntax.ObjectConsExpr:
		p.node = object()
		for _, x := range e.Items {
			k, _ := x.KeyExpr.Value(nil) // of a key that is computed: unknown
			if k.IsNull() || !k.IsKnown() || k.Type() != cty.String {
				p.node, p.items = t.computed(p), nil
				break
			}
			q := t.part(x.ValueExpr)
			p.items = append(p.items, item{key: k.AsString(), start: x.KeyExpr.Range().Start.Byte, end: x.ValueExpr.Range().End.Byte, part: q})
			p.node.Content = append(p.node.Content, text(k.AsString()), q.node)
		}
	case *hclsyntax.FunctionCallExpr:
		if p.node = t.computed(p); e.Name == "concat" && len(e.Args) > 0 && !e.ExpandFinal {
			t.concat(p, e.Args)
		}
	default:
		p.node = t.computed(p)
		if v, diags := e.Value(nil); !diags.HasErrors() && len(e.Variables()) == 0 && isLiteral(e) {
			switch {
			case v.IsNull():
				p.node = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
			case v.Type() == cty.String:
				p.node = text(v.AsString())
			case v.Type() == cty.Bool:
				p.node = boolean(v.True())
			case v.Type() == cty.Number:
				p.node = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: v.AsBigFloat().Text('f', -1)}
			}
		}
	}
	p.kind, p.tag, p.value = p.node.Kind, p.node.Tag, p.node.Value
	p.node.Line = r.Start.Line
	return p
}

// concat makes one list of those that are put together. One that is computed
// stands in it as a single item, of the list computedList.
func (t *terraform) concat(p *part, args []hclsyntax.Expression) {
	p.node = list()
	for i, a := range args {
		q := t.part(a)
		items := q.items
		if q.kind != yaml.SequenceNode {
			items = []item{{start: a.Range().Start.Byte, end: a.Range().End.Byte, part: q}}
		}
		for _, it := range items {
			if it.list = i; q.kind != yaml.SequenceNode {
				it.list = computedList
			}
			p.items, p.node.Content = append(p.items, it), append(p.node.Content, it.part.node)
		}
	}
}

// computedList is the list of items that stand in none that is written out.
const computedList = -1

// isLiteral says that an expression is a value written out. A heredoc of many
// lines is left as it is written.
func isLiteral(e hclsyntax.Expression) bool {
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		return true
	case *hclsyntax.TemplateExpr:
		return len(e.Parts) == 0 || e.IsStringLiteral()
	}
	return false
}

func (t *terraform) computed(p *part) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: expression, Value: string(t.src[p.start:p.end])}
}

// edit puts text in the place of src[start:end].
type edit struct {
	start, end int
	text       string
}

func (t *terraform) bytes() []byte {
	var edits []edit
	for _, p := range t.parts {
		w := &rewriter{src: t.src, equals: " = ", unit: "  "}
		if p.heredoc {
			w = jsonRewriter(t.src, p)
			w.heredoc = true
		} else if len(p.items) > 0 && len(p.items[0].part.items) > 0 {
			first := p.items[0].part.items[0]
			between := string(t.src[first.start:first.part.start])
			w.quoted = strings.HasPrefix(between, `"`)
			if strings.Contains(between, ":") {
				w.equals = ": "
			}
		}
		w.value(p, p.node)
		edits = append(edits, w.edits...)
	}
	if len(edits) == 0 {
		return t.src
	}
	out := apply(t.src, edits)
	if bytes.Equal(hclwrite.Format(t.src), t.src) {
		return hclwrite.Format(out) // it was as "terraform fmt" has it
	}
	return out
}
