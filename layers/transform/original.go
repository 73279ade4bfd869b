package transform

import (
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// original is what cannot be seen of a container after it was touched. It
// travels in the carrier's environment, so that Undo can give it back.
type original struct {
	Entry  state    `json:"entry,omitempty"`
	Cmd    state    `json:"cmd,omitempty"`
	Health []string `json:"health,omitempty"` // of ECS
	Ptrace bool     `json:"ptrace,omitempty"` // we added it
	Named  bool     `json:"named,omitempty"`  // we gave it its name
	Port   bool     `json:"port,omitempty"`   // we wrote its port down
	// Empty are the lists and objects that were there with nothing in them, by
	// their keys with dots between: "[]", "{}", or how a null was written.
	Empty map[string]string `json:"empty,omitempty"`
}

// outside is the entry of what holds the containers: no container is called so.
const outside = "."

// noteEmpty notes what of these keys is there with nothing in it.
func (o *original) noteEmpty(n *yaml.Node, paths ...[]string) {
	for _, path := range paths {
		for i := range path {
			f := field(at(n, path[:i]...), path[i])
			was := ""
			switch {
			case f == nil:
				continue
			case f.Kind == yaml.ScalarNode && f.Tag == "!!null":
				was = f.Value
			case f.Kind == yaml.SequenceNode && len(f.Content) == 0:
				was = "[]"
			case f.Kind == yaml.MappingNode && len(f.Content) == 0:
				was = "{}"
			default:
				continue
			}
			if o.Empty == nil {
				o.Empty = map[string]string{}
			}
			o.Empty[strings.Join(path[:i+1], ".")] = was
		}
	}
}

// noteNull notes which of these keys are there with a null.
func (o *original) noteNull(n *yaml.Node, keys ...string) {
	for _, key := range keys {
		if f := field(n, key); f != nil && f.Kind == yaml.ScalarNode {
			o.noteEmpty(n, []string{key})
		}
	}
}

// tidy removes what lies at keys if it has become empty, or leaves it as empty
// as it was.
func (o *original) tidy(n *yaml.Node, path ...string) {
	parent, key := at(n, path[:len(path)-1]...), path[len(path)-1]
	was, there := o.Empty[strings.Join(path, ".")]
	c := field(parent, key)
	switch {
	case !there:
		tidy(parent, key)
	case c != nil && len(c.Content) == 0 && was != "[]" && was != "{}":
		set(parent, key, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: was})
	}
}

// state is what was under a key of a command.
type state string

// States.
const (
	kept    state = ""        // words of the definition's own, which are still there
	missing state = "missing" // nothing: the image's words were written out
	empty   state = "empty"   // an empty list, which counts as nothing
)

// originalEnv is the carrier's variable that holds the originals, as JSON by
// container.
const originalEnv = "LIMPET_ORIGINAL"

// maxOriginal bounds what is read back.
const maxOriginal = 1 << 20

// originals reads what an earlier Transform wrote. env is the carrier's list of
// variables, with these keys for name and value.
func originals(env *yaml.Node, name, value string) (map[string]*original, error) {
	v := field(named(env, name, originalEnv), value)
	if v == nil {
		return nil, nil
	}
	if len(v.Value) > maxOriginal {
		return nil, fmt.Errorf("%s has %d bytes, at most %d: %w", originalEnv, len(v.Value), maxOriginal, ErrShape)
	}
	var m map[string]*original
	if err := json.Unmarshal([]byte(v.Value), &m); err != nil {
		return nil, fmt.Errorf("cannot read %s of the carrier: %w: %w", originalEnv, ErrShape, err)
	}
	for k, o := range m {
		if o == nil {
			delete(m, k)
		}
	}
	return m, nil
}

func encodeOriginals(m map[string]original) string {
	b, err := json.Marshal(m) // keys are sorted
	if err != nil {
		panic(err) // strings and booleans always encode
	}
	return string(b)
}
