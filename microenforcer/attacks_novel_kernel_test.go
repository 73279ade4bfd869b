//go:build kernel

package microenforcer_test

import (
	"path/filepath"
	"testing"
)

// Attacks that no list names, by everybody.
func TestNovelAttacks(t *testing.T) {
	c, _ := newLoaderCell(t)
	run := func(u user, controls string, command []string) result {
		writePolicy(t, filepath.Join(c.dir, "p.yaml"), controls)
		c.mask = u.as
		defer func() { c.mask = nil }()
		return c.run(t, []string{"--policy", "/tmp/p.yaml", "--manifest", "/tmp/manifest"}, append(append([]string{}, u.app...), command...)...)
	}
	for _, u := range users {
		t.Run(u.name, func(t *testing.T) {
			for _, mode := range []string{"audit", "enforce"} {
				controls, command := composeNovel(novelCases, mode, cellPeer)
				checkNovel(t, novelCases, mode, u.root, run(u, controls, command))
			}
			controls, command := composeNovel(novelKept, "enforce", cellPeer)
			checkNovel(t, novelKept, "enforce", u.root, run(u, controls, command))
			checkTamper(t, run(u, "    fileless: {mode: audit}\n", tamperCommand()))
		})
	}
}
