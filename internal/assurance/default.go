package assurance

import (
	_ "embed"
	"sync"
)

//go:embed default.yaml
var defaultYAML []byte

// DefaultYAML gives the text of the default policy with its comments.
func DefaultYAML() []byte { return append([]byte(nil), defaultYAML...) }

// Default gives the default policy, ready to judge.
var Default = sync.OnceValue(func() *Compiled {
	p, err := Parse(defaultYAML)
	if err == nil {
		var c *Compiled
		if c, err = Compile(p); err == nil {
			return c
		}
	}
	panic("assurance: default.yaml: " + err.Error()) // a test reads it
})
