//go:build kernel && cgo

package seccomp

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/limpet-security/limpet/internal/kernel/seccomp/generate"
)

// What is embedded is what libseccomp makes of the table today.
func TestEmbeddedProgramsAreFresh(t *testing.T) {
	for _, m := range machines {
		prog, numbers, err := generate.Filter(m.name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(prog, m.program) {
			t.Errorf("%s: the embedded program is stale: go generate ./internal/kernel/seccomp", m.name)
		}
		if diff := cmp.Diff(numbers, m.numbers); diff != "" {
			t.Errorf("%s: stale numbers: %s", m.name, diff)
		}
	}
}
