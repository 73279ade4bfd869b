package transform

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/limpet-security/limpet/internal/workload"
)

// platform says how a platform writes a container down, and what the enforcer
// needs there besides the command.
type platform struct {
	name, image, entry, cmd string     // keys; cmd "": entry holds the whole command
	inner                   []string   // the keys below which all but the name stands
	touched                 [][]string // the keys of lists that dress adds to
	// dress adds volume, capability, variables and checks. baked: the image has
	// an enforcer of its own, and needs no volume.
	dress func(s spot, was *original, baked bool) error
	// undress takes them out again.
	undress func(s spot, was *original) error
}

// spot is one container of a definition.
type spot struct {
	platform
	node *yaml.Node // the mapping with image and command
	id   string     // its name
}

// carried is what a carrier remembers of the containers, and whether any of
// them needs it.
type carried struct {
	priors map[string]*original // of an earlier Transform
	saved  map[string]original
	needed bool
}

// remembered reads what the carrier of an earlier Transform remembers, of its
// list of variables with these keys for name and value.
func remembered(env *yaml.Node, name, value string) (*carried, error) {
	priors, err := originals(env, name, value)
	if err != nil {
		return nil, err
	}
	return &carried{priors: priors, saved: map[string]original{}}, nil
}

// containers puts the enforcer in front of every container of a list, or takes
// it out where Options say so.
func (j *job) containers(list *yaml.Node, p platform, c *carried) error {
	if list == nil {
		return nil
	}
	if list.Kind != yaml.SequenceNode || isExpression(list) {
		return fmt.Errorf("%sthe containers are not written out as a list: %w", line(list), ErrShape)
	}
	for _, item := range branches(list.Content) {
		s := spot{platform: p, node: at(item, p.inner...)}
		if n := field(item, p.name); n != nil {
			if s.id = strings.Join(allWords(n), " "); n.Tag == expression {
				s.id = strings.Trim(s.id, `"`)
			}
		}
		if s.id == Name {
			continue
		}
		if item.Tag == expression { // a list or a container that Terraform computes
			if s.id = item.Value; !j.Undo && !j.ignored(s.id) {
				return fmt.Errorf("%s%s is not written out here, so what it holds cannot be protected; write it out, or leave it alone by that name (--ignore-container): %w", line(item), s.id, ErrShape)
			}
			j.note(s, "ignored")
			continue
		}
		if s.node == nil || s.node.Kind != yaml.MappingNode || isExpression(s.node) {
			return fmt.Errorf("%scontainer %q is not written out: %w", line(item), s.id, ErrShape)
		}
		if field(s.node, "<<") != nil { // a list that we add to would hide the merged one
			return fmt.Errorf("%scontainer %q merges another YAML mapping; write it out: %w", line(item), s.id, ErrShape)
		}
		if err := j.container(s, c); err != nil {
			return fmt.Errorf("%scontainer %q: %w", line(item), s.id, err)
		}
	}
	return nil
}

func (j *job) container(s spot, c *carried) error {
	prior := c.priors[s.id]
	if j.Undo || j.ignored(s.id) {
		if prior == nil && !behind(s.node, s.entry) {
			j.note(s, "ignored")
			return nil
		}
		if prior == nil {
			prior = &original{Entry: kept}
		}
		restore(s, *prior)
		j.note(s, "restored")
		return s.undress(s, prior)
	}
	var bare original
	if prior == nil {
		bare.noteEmpty(s.node, s.touched...)
		bare.noteNull(s.node, s.entry, s.cmd)
	}
	was, baked, err := j.protect(s, prior)
	if err != nil {
		return err
	}
	if prior == nil {
		was.Empty = bare.Empty
	}
	if err := s.dress(s, &was, baked); err != nil {
		return err
	}
	if other, ok := c.saved[s.id]; ok && !reflect.DeepEqual(other, was) {
		return fmt.Errorf("another container has this name: %w", ErrShape)
	}
	c.saved[s.id] = was
	if baked {
		j.note(s, "in image")
		return nil
	}
	c.needed = true
	j.note(s, "protected")
	return nil
}

// allWords gives the texts of a value, also of one that is computed.
func allWords(n *yaml.Node) (out []string) {
	if n.Kind == yaml.ScalarNode {
		return []string{n.Value}
	}
	for _, c := range n.Content {
		out = append(out, allWords(c)...)
	}
	return out
}

// branches gives the containers of a list, also those of CloudFormation's
// conditions.
func branches(items []*yaml.Node) (out []*yaml.Node) {
	for _, item := range items {
		n := target(item)
		choice := at(n, "Fn::If")
		if n.Tag == "!If" {
			choice = n
		}
		switch {
		case !isExpression(n) || choice == nil || choice.Kind != yaml.SequenceNode || len(choice.Content) != 3:
			out = append(out, item)
		default:
			for _, b := range branches(choice.Content[1:]) {
				if r := at(b, "Ref"); b.Value != "AWS::NoValue" && (r == nil || r.Value != "AWS::NoValue") {
					out = append(out, b)
				}
			}
		}
	}
	return out
}

// line says where a node stands, for the beginning of an error.
func line(n *yaml.Node) string {
	if n == nil || n.Line == 0 {
		return ""
	}
	return fmt.Sprintf("line %d: ", n.Line)
}

// house puts the carrier and its volume into what holds a pod or a container
// group, or takes them out when nobody needs them. first: the carrier stands
// before the others of its list.
func (j *job) house(parent *yaml.Node, list string, c *carried, carrier func() *yaml.Node, volume *yaml.Node, first bool) error {
	was := c.priors[outside]
	if was == nil {
		was = &original{}
		was.noteEmpty(parent, []string{list}, []string{"volumes"})
	}
	if !c.needed {
		for _, key := range []string{list, "volumes"} {
			if remove(at(parent, key), "name", Name) {
				was.tidy(parent, key)
			}
		}
		return nil
	}
	if was.Empty != nil {
		c.saved[outside] = *was
	}
	volumes, err := child(parent, "volumes", yaml.SequenceNode)
	if err != nil {
		return err
	}
	put(volumes, "name", object("name", Name, "emptyDir", volume))
	l, err := child(parent, list, yaml.SequenceNode)
	if err != nil {
		return err
	}
	if first && named(l, "name", Name) == nil {
		l.Content = append([]*yaml.Node{carrier()}, l.Content...)
		return nil
	}
	put(l, "name", carrier())
	return nil
}

// mount shows a container the volume.
func mount(s spot) error {
	mounts, err := child(s.node, "volumeMounts", yaml.SequenceNode)
	if err == nil {
		put(mounts, "name", object("name", Name, "mountPath", workload.Dir, "readOnly", true))
	}
	return err
}

func unmount(s spot, was *original) {
	if remove(field(s.node, "volumeMounts"), "name", Name) {
		was.tidy(s.node, "volumeMounts")
	}
}

// Variables of the protected containers.
const (
	gatewayEnv = "LIMPET_GATEWAY"
	tokenEnv   = "LIMPET_JOIN_TOKEN"
)

// tell adds a variable to a list of a container, under key name of its entry.
func tell(s spot, list, name string, variable *yaml.Node) error {
	env, err := child(s.node, list, yaml.SequenceNode)
	if err == nil {
		put(env, name, variable)
	}
	return err
}

func untell(s spot, was *original, name string, lists ...string) {
	for _, l := range lists {
		for _, variable := range []string{gatewayEnv, tokenEnv} {
			if remove(field(s.node, l), name, variable) {
				was.tidy(s.node, l)
			}
		}
	}
}

// capability spares the enforcer its detours.
const capability = "SYS_PTRACE"

// grant adds the capability to the list that keys lead to, all but the last of
// them objects, and notes that it did.
func grant(s spot, was *original, keys ...string) error {
	n := s.node
	var err error
	for _, k := range keys[:len(keys)-1] {
		if n, err = child(n, k, yaml.MappingNode); err != nil {
			return err
		}
	}
	l, err := child(n, keys[len(keys)-1], yaml.SequenceNode)
	if err != nil {
		return err
	}
	for _, w := range l.Content {
		switch w.Value {
		case capability, "CAP_" + capability, "ALL":
			return nil
		}
	}
	l.Content = append(l.Content, text(capability))
	was.Ptrace = true
	return nil
}

// revoke takes it out again if we added it.
func revoke(s spot, was *original, keys ...string) {
	if !was.Ptrace {
		return
	}
	if l := at(s.node, keys...); l != nil && l.Kind == yaml.SequenceNode {
		for i, w := range l.Content {
			if w.Value == capability {
				l.Content = append(l.Content[:i], l.Content[i+1:]...)
				break
			}
		}
	}
	for i := len(keys) - 1; i >= 0; i-- {
		was.tidy(s.node, keys[:i+1]...)
	}
}
