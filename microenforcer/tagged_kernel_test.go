//go:build kernel

package microenforcer_test

import (
	"path/filepath"
	"runtime"
	"testing"
)

// Memory calls take addresses with a tag on arm64: what they name is judged.
func TestTaggedAddresses(t *testing.T) {
	c := newCell(t)
	for _, mode := range []string{"audit", "enforce"} {
		writePolicy(t, filepath.Join(c.dir, "p.yaml"), "    anonymousExecutable: {mode: "+mode+"}\n")
		r := c.run(t, []string{"--policy", "/tmp/p.yaml"}, "/tmp/attack", "child", "/tmp/attack", "tagged")
		arm := runtime.GOARCH == "arm64"
		if r.has("worked tagged") != (arm && mode == "audit") || len(r.of("anonymousExecutable")) == 0 && arm {
			t.Errorf("%s: %s", mode, r.brief())
		}
	}
}
