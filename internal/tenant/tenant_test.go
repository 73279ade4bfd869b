package tenant

import (
	"errors"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for in, good := range map[string]bool{
		"default": true, "a": true, "a-b": true, "9": true,
		"": false, "-a": false, "a-": false, "A": false, "a/b": false, "a b": false,
		strings.Repeat("a", 63): true, strings.Repeat("a", 64): false,
	} {
		id, err := Parse(in)
		if good && (err != nil || id.String() != in) {
			t.Errorf("Parse(%q) = %q, %v", in, id, err)
		}
		if !good && !errors.Is(err, ErrID) {
			t.Errorf("Parse(%q) error = %v, want ErrID", in, err)
		}
	}
}
