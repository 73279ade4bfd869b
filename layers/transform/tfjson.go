package transform

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// terraformJSON edits the task definitions of a file in Terraform's JSON syntax
// (.tf.json), where a list of containers is a text: JSON, or an expression
// "${jsonencode([...])}".
func (j *job) terraformJSON(tasks *yaml.Node) error {
	j.terraform = true
	for i := 0; i+1 < len(tasks.Content); i += 2 {
		for _, r := range oneOrMore(tasks.Content[i+1]) {
			f := at(r, "container_definitions")
			if f == nil {
				continue
			}
			if err := j.embedded(f, r); err != nil {
				return fmt.Errorf("%scontainer_definitions of %s %w", line(f), tasks.Content[i].Value, err)
			}
		}
	}
	return nil
}

// oneOrMore gives what Terraform's JSON writes as an object, or as a list of them.
func oneOrMore(n *yaml.Node) []*yaml.Node {
	if n != nil && n.Kind == yaml.SequenceNode {
		return n.Content
	}
	return []*yaml.Node{n}
}

// embedded edits the list of containers that stands in the text f, of a task r.
func (j *job) embedded(f, r *yaml.Node) error {
	if f.Kind != yaml.ScalarNode || f.Tag != "!!str" {
		return fmt.Errorf("is no text: %w", ErrShape)
	}
	t := &terraform{}
	head, tail := "", ""
	var p *part
	var err error
	if inner, ok := strings.CutPrefix(f.Value, "${"); ok && strings.HasSuffix(inner, "}") {
		// As it would stand in Terraform's own language.
		head, tail = "x = ", "\n"
		p, err = t.attribute(head + strings.TrimSuffix(inner, "}") + tail)
	} else {
		p, err = t.embeddedJSON(f.Value)
	}
	if err != nil {
		return err
	}
	placeless(p.node)
	task := object("containerDefinitions", p.node)
	if m := field(r, "memory"); m != nil {
		set(task, "memory", m)
	}
	for _, platform := range oneOrMore(field(r, "runtime_platform")) {
		if o := field(platform, "operating_system_family"); o != nil {
			set(task, "runtimePlatform", object("operatingSystemFamily", o))
		}
	}
	if err := j.task(task, lower, "Terraform task definition"); err != nil {
		return fmt.Errorf("cannot be changed: %w", err)
	}
	t.parts = []*part{p}
	out := t.bytes()
	if bytes.Equal(out, t.src) {
		return nil
	}
	if f.Value = strings.TrimSuffix(strings.TrimPrefix(string(out), head), tail); head != "" {
		f.Value = "${" + f.Value + "}"
	}
	return nil
}

// placeless forgets the lines of n, which were counted in a text of its own.
func placeless(n *yaml.Node) {
	n.Line = 0
	for _, c := range n.Content {
		placeless(c)
	}
}
