package policy

import (
	_ "embed"
	"sync"
)

//go:embed default.yaml
var defaultYAML []byte

var parseDefault = sync.OnceValue(func() *RuntimePolicy {
	p, err := Parse(defaultYAML)
	if err != nil {
		panic("policy: default.yaml: " + err.Error()) // a test reads it
	}
	return p
})

// Default gives the policy that new groups start with. The value is shared:
// it must not be changed.
func Default() *RuntimePolicy { return parseDefault() }

// DefaultYAML gives the text of the default policy with its comments.
func DefaultYAML() []byte { return append([]byte(nil), defaultYAML...) }
