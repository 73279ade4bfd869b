package transform

import (
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// original is what cannot be seen of a container after it was touched. It
// travels in the carrier's environment, so that Undo can give it back.
type original struct {
	Entry  state    `json:"entry,omitempty"`
	Cmd    state    `json:"cmd,omitempty"`
	Health []string `json:"health,omitempty"` // of ECS
	Ptrace bool     `json:"ptrace,omitempty"` // we added it
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
