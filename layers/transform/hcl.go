package transform

import (
	"bytes"
	"fmt"
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
	src   []byte
	parts []*part // the container lists
	tasks []*yaml.Node
}

// part is a value as it stands in the source.
type part struct {
	node       *yaml.Node // what Transform works on
	kind       yaml.Kind
	tag, value string // of a scalar, as they were
	start, end int
	items      []item // of an object or a list, as they were
}

type item struct {
	key        string // of objects
	start, end int
	part       *part
}

// isTerraform says that a text has blocks of Terraform's at its margin.
func isTerraform(data []byte) bool {
	for l := range bytes.Lines(data) {
		if f := bytes.Fields(l); len(f) > 2 && l[0] == 'r' && string(f[0]) == "resource" && f[1][0] == '"' {
			return true
		}
	}
	return false
}

func parseTerraform(data []byte) (*terraform, error) {
	file, diags := hclsyntax.ParseConfig(data, "", hcl.InitialPos)
	if diags.HasErrors() {
		d := diags.Errs()[0].(*hcl.Diagnostic)
		return nil, fmt.Errorf("line %d: %w: %s; %s", d.Subject.Start.Line, ErrSyntax, d.Summary, d.Detail)
	}
	t := &terraform{src: data}
	for _, b := range file.Body.(*hclsyntax.Body).Blocks {
		if b.Type != "resource" || len(b.Labels) != 2 || b.Labels[0] != taskResource {
			continue
		}
		a := b.Body.Attributes["container_definitions"]
		if a == nil {
			continue
		}
		call, ok := a.Expr.(*hclsyntax.FunctionCallExpr)
		if !ok || call.Name != "jsonencode" || len(call.Args) != 1 {
			return nil, fmt.Errorf("line %d: container_definitions of %s is not written as jsonencode([...]); transform the JSON it comes from by itself: %w", a.Range().Start.Line, b.Labels[1], ErrShape)
		}
		p := t.part(call.Args[0])
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

// part makes a node of an expression.
func (t *terraform) part(e hclsyntax.Expression) *part {
	r := e.Range()
	p := &part{start: r.Start.Byte, end: r.End.Byte}
	switch e := e.(type) {
	case *hclsyntax.TupleConsExpr:
		p.node = list()
		for _, x := range e.Exprs {
			q := t.part(x)
			p.items = append(p.items, item{start: q.start, end: q.end, part: q})
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
			p.items = append(p.items, item{key: k.AsString(), start: x.KeyExpr.Range().Start.Byte, end: q.end, part: q})
			p.node.Content = append(p.node.Content, text(k.AsString()), q.node)
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
		if len(p.items) > 0 && len(p.items[0].part.items) > 0 {
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
