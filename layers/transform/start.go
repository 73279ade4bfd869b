package transform

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/limpet-security/limpet/internal/workload"
	"github.com/limpet-security/limpet/layers/wrap"
)

// original is what a container said before it was touched; nil slices: the
// key was missing. It travels in the carrier's environment, so that Undo can
// give it back.
type original struct {
	Entry  []string `json:"entry,omitempty"`
	Cmd    []string `json:"cmd,omitempty"`
	HasCmd bool     `json:"hasCmd,omitempty"`
	HasEnt bool     `json:"hasEntry,omitempty"`
	Health []string `json:"health,omitempty"` // of ECS
	Ptrace bool     `json:"ptrace,omitempty"` // we added it
}

// prefix is what stands in front of a container's own command.
func (j *job) prefix() []string {
	p := []string{workload.BinaryPath, "run"}
	if j.Priority == Availability {
		p = append(p, "--priority", string(Availability))
	}
	return append(p, "--")
}

// bare is an entrypoint without what we put in front of it.
func bare(entrypoint []string) []string {
	for behind(entrypoint) {
		i := slices.Index(entrypoint, "--")
		if i < 0 {
			return entrypoint
		}
		entrypoint = entrypoint[i+1:]
	}
	return entrypoint
}

// spot is one container and the names its platform gives to things.
type spot struct {
	node       *yaml.Node // the mapping with image and command
	name       string
	entry, cmd string // keys; cmd "": one key holds the whole command
	image      *yaml.Node
}

// protect puts the enforcer in front of a container's command. prior is what
// it was before an earlier Transform, if there was one. baked: the image has
// an enforcer of its own, and no volume is needed.
func (j *job) protect(c spot, prior *original) (was original, baked bool, err error) {
	entry, hasEntry, err := words(field(c.node, c.entry))
	if err != nil {
		return was, false, fmt.Errorf("container %q: %s: %w", c.name, c.entry, err)
	}
	var cmd []string
	hasCmd := false
	if c.cmd != "" {
		if cmd, hasCmd, err = words(field(c.node, c.cmd)); err != nil {
			return was, false, fmt.Errorf("container %q: %s: %w", c.name, c.cmd, err)
		}
	}
	if prior != nil && behind(entry) {
		entry, hasEntry, cmd, hasCmd = prior.Entry, prior.HasEnt, prior.Cmd, prior.HasCmd
	}
	was = original{Entry: entry, Cmd: cmd, HasEnt: hasEntry, HasCmd: hasCmd}
	image, known := j.start(c)
	if known == nil && image.wrapped() {
		// The image's entrypoint is the enforcer; a command of the definition's
		// own would go past it.
		if hasEntry && !behind(entry) {
			set(c.node, c.entry, texts(append(j.prefix(), bare(entry)...)))
		}
		return was, true, nil
	}
	if j.Carrier == "" {
		return was, false, fmt.Errorf("container %q: %w: give --carrier IMAGE, or wrap %s", c.name, ErrCarrier, imageName(c.image))
	}
	full, rest := bare(entry), cmd
	if !hasEntry || len(entry) == 0 {
		if known != nil {
			return was, false, fmt.Errorf("container %q: %w: the definition leaves it to the image, and %w; give --entrypoint %s='[\"/program\",\"argument\"]'", c.name, ErrStart, known, c.name)
		}
		full = image.Entrypoint
		if len(cmd) == 0 { // an empty list counts as none
			rest = image.Cmd
		}
	}
	if len(full)+len(rest) == 0 {
		return was, false, fmt.Errorf("container %q: %w: neither the definition nor the image names one", c.name, ErrStart)
	}
	all := slices.Concat(j.prefix(), full)
	if c.cmd == "" {
		all = append(all, rest...)
	} else if len(rest) > 0 || hasCmd {
		set(c.node, c.cmd, texts(rest))
	}
	set(c.node, c.entry, texts(all))
	return was, false, nil
}

// start asks how the image starts; known is nil when that is known.
func (j *job) start(c spot) (Start, error) {
	if words := j.Entrypoints[c.name]; len(words) > 0 {
		return Start{Entrypoint: words}, nil
	}
	switch {
	case c.image == nil || c.image.Kind != yaml.ScalarNode || isExpression(c.image):
		return Start{}, fmt.Errorf("its image is not written out")
	case j.Start == nil:
		return Start{}, fmt.Errorf("nobody can ask the image")
	}
	s, err := j.Start(j.ctx, c.image.Value)
	if err != nil {
		return Start{}, fmt.Errorf("the image cannot be asked (%w)", err)
	}
	return s, nil
}

// restore gives a container its own command back.
func restore(c spot, was original) {
	give := func(key string, has bool, value []string) {
		if key == "" {
			return
		}
		if has {
			set(c.node, key, texts(value))
		} else {
			drop(c.node, key)
		}
	}
	give(c.entry, was.HasEnt, was.Entry)
	give(c.cmd, was.HasCmd, was.Cmd)
}

// health puts a probe's command behind the enforcer, or takes it out again.
func (j *job) health(parent *yaml.Node, key string, shell bool) error {
	cmd, ok, err := words(field(parent, key))
	if err != nil || !ok || len(cmd) == 0 {
		return err
	}
	test := cmd
	if !shell {
		test = append([]string{"CMD"}, cmd...)
	}
	if j.Undo {
		test = wrap.BareHealth(test)
	} else {
		test = wrap.Health(test, nil)
	}
	if !shell {
		test = test[1:]
	}
	if !slices.Equal(test, cmd) {
		set(parent, key, texts(test))
	}
	return nil
}

func imageName(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return "its image"
	}
	return n.Value
}
