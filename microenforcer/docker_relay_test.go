//go:build docker

package microenforcer_test

import (
	"testing"
)

// Relayed shells in containers: as root with Docker's own rights, as uid 1000
// without any, with SYS_PTRACE.
func TestDockerRelayedShells(t *testing.T) {
	buildImages(t)
	kinds := []shape{{name: "root"}, {name: "uid 1000", flags: []string{"--user", "1000:1000", "--cap-drop", "ALL"}}, shapes[0]}
	for i, tt := range relayCases[:3] {
		s := kinds[i%len(kinds)]
		t.Run(tt.name+" as "+s.name, func(t *testing.T) {
			for _, mode := range []string{"audit", "enforce"} {
				attackIn(t, s, tt, mode)
			}
		})
	}
}
