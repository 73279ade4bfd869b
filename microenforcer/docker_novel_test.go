//go:build docker

package microenforcer_test

import (
	"path/filepath"
	"slices"
	"testing"
)

// Attacks that no list names, in containers.
func TestDockerNovelAttacks(t *testing.T) {
	buildDynamic(t)
	file := filepath.Join(t.TempDir(), "p.yaml")
	// Docker's own profile refuses these before anybody is asked.
	cases := slices.DeleteFunc(slices.Clone(novelCases), func(tt novelCase) bool {
		return tt.control == "kernelInterfaces" || tt.name == "reading implies executing"
	})
	for _, s := range []shape{{name: "root"}, {name: "uid 1000", flags: []string{"--user", "1000:1000", "--cap-drop", "ALL"}}} {
		t.Run(s.name, func(t *testing.T) {
			for _, mode := range []string{"audit", "enforce"} {
				controls, command := composeNovel(cases, mode, dockerPeer)
				checkNovel(t, cases, mode, s.name == "root", alone(t, s, writePolicy(t, file, controls), command...))
			}
			checkTamper(t, alone(t, s, writePolicy(t, file, "    fileless: {mode: audit}\n"), tamperCommand()...))
		})
	}
	s := shape{flags: []string{"--security-opt", "seccomp=unconfined"}}
	controls, command := composeNovel(novelCases, "enforce", dockerPeer)
	checkNovel(t, novelCases, "enforce", true, alone(t, s, writePolicy(t, file, controls), command...))
}
