package transform

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/limpet-security/limpet/internal/workload"
	"github.com/limpet-security/limpet/layers/wrap"
)

// prefix is what stands in front of a container's own command.
func (j *job) prefix() []string {
	p := []string{workload.BinaryPath, "run"}
	if j.Priority == Availability {
		p = append(p, "--priority", string(Availability))
	}
	return append(p, "--")
}

// behind says that the command under a key runs under an enforcer.
func behind(n *yaml.Node, key string) bool {
	l := at(n, key)
	return l != nil && l.Kind == yaml.SequenceNode && behindWords(wordsOf(l.Content))
}

func behindWords(w []string) bool {
	return len(w) > 1 && w[0] == workload.BinaryPath && w[1] == "run"
}

// wordsOf gives the texts of nodes; an expression's is no word of ours.
func wordsOf(list []*yaml.Node) []string {
	out := make([]string, len(list))
	for i, n := range list {
		if n = target(n); !isExpression(n) {
			out[i] = n.Value
		}
	}
	return out
}

// bare is a command without what we put in front of it.
func bare(words []*yaml.Node) []*yaml.Node {
	for behindWords(wordsOf(words)) {
		i := slices.Index(wordsOf(words), "--")
		if i < 0 {
			break
		}
		words = words[i+1:]
	}
	return words
}

// command is what stands under a key: the words, without ours, and how they
// came there. prior is what an earlier Transform remembers of it.
func command(n *yaml.Node, key string, prior state) ([]*yaml.Node, state, error) {
	l := at(n, key)
	switch {
	case l == nil || l.Kind == yaml.ScalarNode && l.Tag == "!!null":
		return nil, missing, nil
	case l.Kind != yaml.SequenceNode || isExpression(l):
		return nil, kept, fmt.Errorf("%s is not written out as a list: %w", key, ErrShape)
	}
	for _, w := range l.Content {
		if w = target(w); w.Kind != yaml.ScalarNode && !isExpression(w) {
			return nil, kept, fmt.Errorf("a word of %s is no text: %w", key, ErrShape)
		}
	}
	switch words := bare(l.Content); {
	case prior != kept:
		return nil, prior, nil // what stands there came from the image
	case len(words) == 0:
		return nil, empty, nil
	default:
		return words, kept, nil
	}
}

// protect puts the enforcer in front of a container's command. prior is what
// an earlier Transform remembers of it, if there was one. baked: the image has
// an enforcer of its own, and no volume is needed.
func (j *job) protect(c spot, prior *original) (was original, baked bool, err error) {
	if prior != nil {
		was = *prior
		if !behind(c.node, c.entry) { // somebody wrote another command since
			was.Entry, was.Cmd = kept, kept
		}
	}
	entry, state, err := command(c.node, c.entry, was.Entry)
	if err != nil {
		return was, false, err
	}
	was.Entry = state
	image, known := j.start(c)
	if known == nil && behindWords(image.Entrypoint) {
		// The image's entrypoint is the enforcer; a command of the definition's
		// own would go past it.
		if state == kept {
			err = write(c.node, c.entry, j.prefix(), entry)
		}
		return was, true, err
	}
	switch {
	case j.Carrier == "":
		return was, false, fmt.Errorf("%w: give --carrier IMAGE, or wrap %s", ErrCarrier, imageName(field(c.node, c.image)))
	case state == kept: // which drops the image's arguments; those of the definition stay
		return was, false, write(c.node, c.entry, j.prefix(), entry)
	case known != nil:
		return was, false, fmt.Errorf("%w: the definition leaves it to the image, and %w; give --entrypoint %s='[\"/program\",\"argument\"]'", ErrStart, known, c.id)
	}
	words := slices.Concat(j.prefix(), image.Entrypoint)
	if c.cmd == "" {
		words = append(words, image.Cmd...)
	} else if _, was.Cmd, err = command(c.node, c.cmd, was.Cmd); err != nil {
		was.Cmd = kept // an expression: arguments of the definition's, whatever they are
	}
	switch own := c.cmd != "" && was.Cmd == kept; {
	case !own && len(image.Entrypoint)+len(image.Cmd) == 0:
		return was, false, fmt.Errorf("%w: neither the definition nor the image names one", ErrStart)
	case !own && c.cmd != "" && len(image.Cmd) > 0:
		if err := write(c.node, c.cmd, image.Cmd, nil); err != nil {
			return was, false, err
		}
	}
	return was, false, write(c.node, c.entry, words, nil)
}

// write puts words under a key: new ones, and behind them some that stand there.
func write(n *yaml.Node, key string, words []string, rest []*yaml.Node) error {
	l := field(n, key)
	list := append(alike(words, content(l)), rest...)
	switch {
	case l == nil || l.Kind == yaml.ScalarNode:
		l = texts(nil)
		l.Content = list
		set(n, key, l)
	case l.Kind == yaml.AliasNode || l.Anchor != "":
		return fmt.Errorf("%s is shared by a YAML anchor; write it out: %w", key, ErrShape)
	case len(list) != len(l.Content) || !slices.Equal(wordsOf(list), wordsOf(l.Content)):
		l.Content = list
	}
	return nil
}

// restore gives a container its own command back.
func restore(c spot, was original) {
	for key, s := range map[string]state{c.entry: was.Entry, c.cmd: was.Cmd} {
		l := at(c.node, key)
		switch {
		case key == "" || l == nil || l.Kind != yaml.SequenceNode:
		case s == missing:
			if null, ok := was.Empty[key]; ok {
				set(c.node, key, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: null})
				continue
			}
			drop(c.node, key)
		case s == empty:
			l.Content = nil
		case key == c.entry:
			l.Content = bare(l.Content)
		}
	}
}

// start asks how the image starts; known is nil when that is known.
func (j *job) start(c spot) (Start, error) {
	if words := j.Entrypoints[c.id]; len(words) > 0 {
		return Start{Entrypoint: words}, nil
	}
	image := field(c.node, c.image)
	switch {
	case image == nil || image.Kind != yaml.ScalarNode || isExpression(image):
		return Start{}, fmt.Errorf("its image is not written out")
	case j.Start == nil:
		return Start{}, fmt.Errorf("nobody can ask the image")
	}
	s, err := j.Start(j.ctx, image.Value)
	if err != nil {
		return Start{}, fmt.Errorf("the image cannot be asked (%w)", err)
	}
	return s, nil
}

// health puts a probe's command behind the enforcer, or takes it out again.
func (j *job) health(parent *yaml.Node, key string, shell, undo bool) error {
	cmd, ok, err := words(field(parent, key))
	if err != nil || !ok || len(cmd) == 0 {
		return err
	}
	test := cmd
	if !shell {
		test = append([]string{"CMD"}, cmd...)
	}
	if undo {
		test = wrap.BareHealth(test)
	} else {
		test = wrap.Health(test, nil)
	}
	if !shell {
		test = test[1:]
	}
	return change(parent, key, test)
}

// alike makes words that stand in quotes if those do beside which they will
// stand.
func alike(words []string, beside []*yaml.Node) []*yaml.Node {
	list := texts(words).Content
	if len(beside) > 0 {
		for _, n := range list {
			n.Style |= beside[0].Style & (yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle)
		}
	}
	return list
}

// change puts other words under a key. What they end with stays as it is
// written.
func change(parent *yaml.Node, key string, to []string) error {
	l := field(parent, key)
	if l == nil || l.Kind != yaml.SequenceNode { // computed or shared: written out
		set(parent, key, texts(to))
		return nil
	}
	if slices.Equal(to, wordsOf(l.Content)) {
		return nil
	}
	if l.Anchor != "" {
		return fmt.Errorf("%s is shared by a YAML anchor; write it out: %w", key, ErrShape)
	}
	list := alike(to, l.Content)
	for i, old := len(list)-1, len(l.Content)-1; i >= 0 && old >= 0 && list[i].Value == l.Content[old].Value; i, old = i-1, old-1 {
		list[i] = l.Content[old]
	}
	l.Content = list
	return nil
}

// probes puts every command that a platform starts in a container from outside
// behind the enforcer, or takes it out again.
func (j *job) probes(c *yaml.Node, undo bool, paths ...[]string) error {
	for _, path := range paths {
		if e := at(at(c, path...), "exec"); e != nil {
			if err := j.health(e, "command", false, undo); err != nil {
				return err
			}
		}
	}
	return nil
}

func imageName(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return "its image"
	}
	return n.Value
}
