package transform

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// A definition is a tree of yaml.Nodes, whether it came as YAML or as JSON.

// field gives the value of a key; nil: the key is missing or n is no mapping.
func field(n *yaml.Node, key string) *yaml.Node {
	n = target(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// at follows keys.
func at(n *yaml.Node, keys ...string) *yaml.Node {
	for _, k := range keys {
		n = field(n, k)
	}
	return target(n)
}

// target follows an alias.
func target(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// set puts a value under a key, in the key's place if it is there.
func set(n *yaml.Node, key string, v *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			v.HeadComment, v.FootComment = n.Content[i+1].HeadComment, n.Content[i+1].FootComment
			if v.LineComment == "" {
				v.LineComment = n.Content[i+1].LineComment
			}
			n.Content[i+1] = v
			return
		}
	}
	n.Content = append(n.Content, text(key), v)
}

// drop removes a key.
func drop(n *yaml.Node, key string) {
	n = target(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content = append(n.Content[:i], n.Content[i+2:]...)
			return
		}
	}
}

// child gives the mapping or sequence under a key, made if it is missing or
// null.
func child(n *yaml.Node, key string, kind yaml.Kind) (*yaml.Node, error) {
	c := field(n, key)
	switch {
	case c == nil || c.Kind == yaml.ScalarNode && c.Tag == "!!null":
		c = &yaml.Node{Kind: kind, Tag: map[yaml.Kind]string{yaml.MappingNode: "!!map", yaml.SequenceNode: "!!seq"}[kind]}
		set(n, key, c)
	case c.Kind == yaml.AliasNode:
		return nil, fmt.Errorf("%s is a YAML alias; write it out: %w", key, ErrShape)
	case c.Kind != kind || isExpression(c):
		return nil, fmt.Errorf("%s is not written out as a list or object: %w", key, ErrShape)
	}
	return c, nil
}

// isExpression says that a value is computed by CloudFormation: a short tag
// such as !Sub, or an object with a single key Ref or Fn::...
func isExpression(n *yaml.Node) bool {
	n = target(n)
	if n == nil {
		return false
	}
	if len(n.Tag) > 1 && n.Tag[0] == '!' && n.Tag[1] != '!' {
		return true
	}
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		return false
	}
	k := n.Content[0].Value
	return k == "Ref" || len(k) > 4 && k[:4] == "Fn::"
}

func text(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

func boolean(v bool) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(v)}
}

func number(v int) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: fmt.Sprint(v)}
}

func list(items ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: items}
}

func texts(items []string) *yaml.Node {
	n := list()
	for _, s := range items {
		n.Content = append(n.Content, text(s))
	}
	return n
}

// object makes a mapping of keys and values in turn; keys are strings.
func object(pairs ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for i := 0; i+1 < len(pairs); i += 2 {
		var v *yaml.Node
		switch x := pairs[i+1].(type) {
		case *yaml.Node:
			v = x
		case string:
			v = text(x)
		case bool:
			v = boolean(x)
		case int:
			v = number(x)
		case []string:
			v = texts(x)
		}
		n.Content = append(n.Content, text(pairs[i].(string)), v)
	}
	return n
}

// words reads a list of strings. ok is false when it is missing or null.
func words(n *yaml.Node) (out []string, ok bool, err error) {
	n = target(n)
	if n == nil || n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil, false, nil
	}
	if n.Kind != yaml.SequenceNode || isExpression(n) {
		return nil, false, fmt.Errorf("a command is not written out as a list: %w", ErrShape)
	}
	out = []string{}
	for _, item := range n.Content {
		item = target(item)
		if item.Kind != yaml.ScalarNode || isExpression(item) {
			return nil, false, fmt.Errorf("a word of a command is not written out: %w", ErrShape)
		}
		out = append(out, item.Value)
	}
	return out, true, nil
}

// named finds the entry of a list of objects by the value of a key.
func named(n *yaml.Node, key, value string) *yaml.Node {
	n = target(n)
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	for _, item := range n.Content {
		if f := field(item, key); f != nil && f.Value == value {
			return target(item)
		}
	}
	return nil
}

// put replaces the entry that has the same value under key, or appends.
func put(n *yaml.Node, key string, v *yaml.Node) {
	if old := named(n, key, field(v, key).Value); old != nil {
		old.Content, old.Kind, old.Tag = v.Content, v.Kind, v.Tag
		return
	}
	n.Content = append(n.Content, v)
}

// remove takes the entry out that has a value under key, and says whether it
// was there.
func remove(n *yaml.Node, key, value string) bool {
	n = target(n)
	if n == nil || n.Kind != yaml.SequenceNode {
		return false
	}
	for i, item := range n.Content {
		if f := field(item, key); f != nil && f.Value == value {
			n.Content = append(n.Content[:i], n.Content[i+1:]...)
			return true
		}
	}
	return false
}

// tidy removes a key whose list or object has become empty.
func tidy(n *yaml.Node, key string) {
	if c := field(n, key); c != nil && (c.Kind == yaml.SequenceNode || c.Kind == yaml.MappingNode) && len(c.Content) == 0 {
		drop(n, key)
	}
}

// content gives the entries of a list; none for anything else.
func content(n *yaml.Node) []*yaml.Node {
	if n = target(n); n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}
